"""A merchant's account at PayPal's stand-in: what Malipo is told of it, what payers do there, and its book."""

import uuid
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal

import httpx

from malipo.contracts.identity import charge_id
from malipo.contracts.providers.paypal import DECIMALS
from malipo.money import EXPONENTS
from malipo_local.faults import fault, strikes

type Json = dict[str, Any]
type Funding = Literal[
    "balance", "declined_card", "failing_card", "echeck", "bouncing_echeck", "review", "denied_review"
]


class PaypalAccount:
    """An account of a merchant's own, with one app at PayPal. `account_id` is known once there is a webhook."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.client_id = f"A{uuid.uuid4().hex}"
        self.client_secret = f"secret-{uuid.uuid4().hex}"
        self.webhook_ids: list[str] = []
        self.account_id: str | None = None

    def credentials(self) -> Json:
        """What Malipo is told."""
        return {"client_id": self.client_id, "client_secret": self.client_secret, "webhook_ids": self.webhook_ids}

    def add_webhook(self, url: str, event_types: Sequence[str]) -> None:
        """Have PayPal send these events there."""
        body = {"url": url, "event_types": [{"name": name} for name in event_types]}
        headers = {"Authorization": f"Bearer {self._token()}"}
        made = self.http.post("/v1/notifications/webhooks", json=body, headers=headers).raise_for_status().json()
        self.webhook_ids.append(made["id"])
        known = self.http.get("/_sim/webhooks").raise_for_status().json()
        self.account_id = next(one["account"] for one in known if one["id"] == made["id"])

    def _token(self) -> str:
        grant, app = {"grant_type": "client_credentials"}, (self.client_id, self.client_secret)
        return self.http.post("/v1/oauth2/token", data=grant, auth=app).raise_for_status().json()["access_token"]

    def orders(self, payment_id: str) -> list[Json]:
        """The orders that were created for a payment, as PayPal shows them: one, or none."""
        params = {"custom_id": charge_id(payment_id, 1)}
        return self.http.get("/_sim/orders", params=params).raise_for_status().json()

    def captures(self, payment_id: str) -> list[Json]:
        """What was captured of a payment, or is about to be, the oldest first."""
        (order,) = self.orders(payment_id)
        return order["purchase_units"][0].get("payments", {}).get("captures", [])

    def approve(self, payment_id: str, funding: Funding = "balance") -> None:
        """The payer approves, and is to pay with this."""
        (order,) = self.orders(payment_id)
        self.http.post(f"/_sim/orders/{order['id']}/approve", json={"funding": funding}).raise_for_status()

    def end_pending(self, payment_id: str, ending: Literal["settle", "deny"]) -> None:
        """PayPal decides about the captures of a payment that are pending."""
        for capture in self.captures(payment_id):
            if capture["status"] == "PENDING":
                self.http.post(f"/_sim/captures/{capture['id']}/{ending}").raise_for_status()

    def script(self, plan: str, *, amount: int | None = None, currency: str = "USD", **how: Any) -> None:
        """What the next payers, or those of this amount, do by themselves, a moment after they are asked to approve."""
        match = {"account": self.account_id} | ({"amount": _theirs(amount, currency)} if amount else {})
        self.http.post("/_sim/scripts", json={"match": match, "plan": plan, **how}).raise_for_status()

    def fault(self, name: str, *, match: Json | None = None, **rule: Any) -> AbstractContextManager[str]:
        """PayPal misbehaves about this account while the block lasts; yields the rule's id."""
        return fault(self.http, name, match={**(match or {}), "account": self.account_id}, **rule)

    def strikes(self, rule_id: str) -> int:
        """How often a fault has struck."""
        return strikes(self.http, rule_id)

    def effects(self, payment_id: str | None = None) -> list[Json]:
        """What really happened to money, of a payment or of all of the account; amounts in Malipo's minor units.

        `charge` is the payment's charge that each belongs to. Nothing, unless Malipo knows the account.
        """
        if self.account_id is None:
            return []
        params = {"account": self.account_id}
        book: list[Json] = self.http.get("/_sim/book", params=params).raise_for_status().json()["effects"]
        charges = {one["order"]: one["custom_id"] for one in book if one["kind"] in _FIRST}
        wanted = charge_id(payment_id, 1) if payment_id else None
        ours = [one | {"charge": charges[one["order"]], "amount": _ours(one)} for one in book]
        return [one for one in ours if wanted in (None, one["charge"])]


_FIRST = ("authorize", "capture")
"""What is of the order itself, and so carries its `custom_id`; a refund has one of its own."""


def _theirs(minor: int, currency: str) -> int:
    return minor // 10 ** (EXPONENTS[currency] - DECIMALS[currency])


def _ours(effect: Json) -> int:
    currency = effect["currency"]
    return effect["amount"] * 10 ** (EXPONENTS[currency] - DECIMALS[currency])
