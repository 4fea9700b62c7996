"""A merchant's PayBill at M-Pesa's stand-in: what Malipo is told of it, what customers do there, and its book."""

import secrets
from contextlib import AbstractContextManager
from typing import Any, Literal

import httpx

from malipo.contracts.identity import charge_id
from malipo.contracts.providers.mpesa import SHILLING, own_reference
from malipo_local.faults import fault

type Json = dict[str, Any]
type Answer = Literal["pay", "cancel", "wrong_pin", "timeout"]

_INITIATOR, _INITIATOR_PASSWORD = "testapi", "Safaricom999!*!"  # an API user that each number has at the stand-in
# As Safaricom publishes it for its sandbox.
_PASSKEY = "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919"


def new_phone() -> str:
    """A customer's number that nobody else has: none of the stand-in's test numbers, which all begin with 0700."""
    return f"07{10**7 + secrets.randbelow(9 * 10**7)}"


class PayBill:
    """A PayBill number of a merchant's own, with an app of its own at Daraja."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.shortcode = str(10**6 + secrets.randbelow(9 * 10**6))

    def credentials(self, **more: Any) -> Json:
        """What Malipo is told: with it money is taken and given back, and the account's transactions are read."""
        return {
            "kind": "paybill",
            "shortcode": self.shortcode,
            "consumer_key": f"key-{self.shortcode}",
            "consumer_secret": f"secret-{self.shortcode}",
            "passkey": _PASSKEY,
            "initiator": _INITIATOR,
            "initiator_password": _INITIATOR_PASSWORD,
            "pull_number": "0722000000",
            **more,
        }

    def prompts(self, payment_id: str) -> list[Json]:
        """The prompts that customers were shown for a payment: one, or none."""
        params = {"account_reference": reference_of(payment_id)}
        return self.http.get("/_sim/prompts", params=params).raise_for_status().json()

    def answer(self, payment_id: str, answer: Answer) -> None:
        """What the customer does with the prompt of a payment, which is open."""
        (prompt,) = self.prompts(payment_id)
        self.http.post(f"/_sim/phone/{prompt['checkout_request_id']}/{answer}").raise_for_status()

    def pay_late(self, payment_id: str) -> None:
        """The customer's answer to the prompt of a payment arrives after it has ended there."""
        (prompt,) = self.prompts(payment_id)
        self.http.post(f"/_sim/phone/{prompt['checkout_request_id']}/pay_late").raise_for_status()

    def script(self, ending: str, *, phone: str = "", **how: Any) -> None:
        """What the customer with this phone, or whoever is asked next, does with the prompt, a moment after it is shown."""
        match = {"shortcode": self.shortcode, **({"phone": f"254{phone[1:]}"} if phone else {})}
        self.http.post("/_sim/scripts", json={"match": match, "ending": ending, **how}).raise_for_status()

    def fault(self, name: str, *, match: Json | None = None, **rule: Any) -> AbstractContextManager[str]:
        """M-Pesa misbehaves about this number while the block lasts; yields the rule's id. An `amount` is in shillings."""
        return fault(self.http, name, match={**(match or {}), "metadata": {"shortcode": self.shortcode}}, **rule)

    def pay_by_hand(self, amount: int, bill_reference: str) -> str:
        """A customer pays to the number without having been asked, minor units; returns the receipt."""
        body = {"shortcode": self.shortcode, "amount": amount // SHILLING, "bill_reference": bill_reference}
        answer = self.http.post("/_sim/c2b", json=body | {"phone": f"254{new_phone()[1:]}"})
        return answer.raise_for_status().json()["receipt"]

    def effects(self, payment_id: str | None = None) -> list[Json]:
        """What really happened to money, of a payment's prompt or of all of the account; amounts in shillings."""
        about = {"account_reference": reference_of(payment_id)} if payment_id else {}
        params = {"shortcode": self.shortcode, **about}
        return self.http.get("/_sim/book", params=params).raise_for_status().json()["effects"]


def reference_of(payment_id: str) -> str:
    """What a payment is called at M-Pesa, on the customer's phone and in statements."""
    return own_reference(charge_id(payment_id, 1))
