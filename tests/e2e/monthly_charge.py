"""A merchant's own monthly charge, to be copied: what it asks of Malipo, and what it does when a charge does not go through."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

import httpx

Json = dict[str, Any]

RETURN_URL = "https://shop.example/thanks"
MOST_TRIES = 4
A_DAY = timedelta(days=1)
NOT_THE_CARD = {"provider_unreachable", "provider_misconfigured", "configuration_behind", "never_sent", "expired"}
"""Codes of Malipo's own: nothing was sent, and the card has nothing to do with it."""


@dataclass
class Bill:
    """One month of one customer: a row of the merchant's own. `try_at` is when it is charged next, while it is `due`."""

    month: str
    try_at: datetime
    tries: int = 0
    payment_id: str | None = None
    state: Literal["due", "under way", "customer asked", "paid", "another card wanted"] = "due"
    page: str | None = None


@dataclass
class MonthlyCharge:
    """One customer's mandate. `api` is a client of Malipo with the key in its headers, `card` the id of the saved card."""

    api: httpx.Client
    mandate: str
    customer: str
    card: str
    amount: int
    currency: str = "USD"

    def agree(self, first_day: date) -> None:
        """Once, when the customer agrees: never more than one charge of this amount in a month, whatever else goes wrong."""
        rules = {
            "customer_ref": self.customer,
            "currency": self.currency,
            "max_amount": self.amount,
            "max_count": 1,
            "per": "month",
            "starts_on": first_day.isoformat(),
        }
        self.api.put(f"/v1/series/{self.mandate}", json=rules).raise_for_status()

    def run(self, bill: Bill, now: datetime) -> None:
        """Each day, for each bill: see what became of what is under way, whose webhook may have been lost, and charge what is due.
        Run twice, it charges once: the key is the card and the payment that was tried before.
        """
        if bill.state in ("under way", "customer asked"):
            self._follow(bill, self.api.get(f"/v1/payments/{bill.payment_id}").raise_for_status().json(), now)
        if bill.state != "due" or now < bill.try_at:
            return None
        method = {"type": "saved", "id": self.card, "initiator": "merchant", "series": self.mandate}
        body = {"amount": self.amount, "currency": self.currency, "method": method, "return_url": RETURN_URL}
        key = f"{self.mandate}-{bill.month}-{bill.payment_id}-{self.card}"
        answer = self.api.post("/v1/payments", json=body, headers={"Idempotency-Key": key, "Prefer": "respond-async"})
        if answer.status_code == 409:
            return self._refused(bill, answer.json(), now)
        payment = answer.raise_for_status().json()
        bill.payment_id, bill.state = payment["id"], "under way"
        return self._follow(bill, payment, now)  # a repeat gets it as it stands by now

    def take(self, bill: Bill, event: Json, now: datetime) -> None:
        """Each webhook of the bill's payment, once its signature is verified. One may come twice."""
        payment: Json = event["data"]["payment"]
        if payment["id"] == bill.payment_id:  # else of an earlier try: that has ended
            self._follow(bill, payment, now)

    def _follow(self, bill: Bill, payment: Json, now: datetime) -> None:
        waits = bill.state in ("under way", "customer asked")
        match payment["status"]:
            case "completed":
                bill.state = "paid"
            case "requires_action" if waits:  # the bank wants the customer: mail him the page
                bill.state, bill.page = "customer asked", payment["action"]["url"]
            case "failed" if waits:
                self._declined(bill, payment["failure"], now)
            case "canceled" if waits:  # the customer was asked, and never came
                self._try_again(bill, now + A_DAY)
            case _:
                pass

    def _declined(self, bill: Bill, failure: Json, now: datetime) -> None:
        """Charge the same card once more when the bank says so, and on the day that it says; else ask for another one."""
        retry: Json = failure["retry"] or {}
        if retry.get("advice") == "try_again_later" or failure["code"] in NOT_THE_CARD:
            not_before = retry.get("not_before")
            self._try_again(bill, datetime.fromisoformat(not_before) if not_before else now + A_DAY)
        else:
            bill.state = "another card wanted"

    def _try_again(self, bill: Bill, try_at: datetime) -> None:
        bill.tries, bill.try_at = bill.tries + 1, try_at
        bill.state = "due" if bill.tries < MOST_TRIES else "another card wanted"

    def _refused(self, bill: Bill, problem: Json, now: datetime) -> None:
        """What Malipo does not let pass. Nothing was written: the same try is sent again, tomorrow at the latest, as a charge that
        counts now may have failed by then.
        """
        if problem["code"] in ("series_limit_reached", "series_amount_exceeded", "idempotency_key_in_flight"):
            bill.try_at = now + min(timedelta(seconds=problem["retry"]["after_seconds"]), A_DAY)
        else:  # payment_method_declined, payment_method_expired
            bill.state = "another card wanted"

    def use(self, card: str, bill: Bill, now: datetime) -> None:
        """The customer has given another card: the mandate goes on with it, and so does an unpaid bill."""
        self.card = card
        if bill.state == "another card wanted":
            bill.state, bill.try_at, bill.tries = "due", now, 0
