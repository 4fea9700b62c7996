"""A merchant's account at the partner bank's stand-in: what Malipo is told of it, what the bank does there, and its book."""

import uuid
from contextlib import AbstractContextManager
from typing import Any, Literal

import httpx

from malipo.contracts.identity import charge_id
from malipo.contracts.providers.bank import DESCRIPTOR, own_reference
from malipo_local.faults import fault, strikes

type Json = dict[str, Any]
type Decision = Literal[
    "hold", "release", "complete", "research", "reject", "return", "accept-return-request", "refuse-return-request"
]

STAYS = "5000"
"""Last digits of an account number: a payment there is worked on until a person at the bank decides."""
HELD = "3000"
"""The same: it is held until a person decides."""
UNANSWERED = "6002"
"""The same: it is completed, and the recipient's bank never answers a return request by itself."""
_ROUTING = "021000021"


def by_account(digits: str = "7890", name: str = "Jane Doe") -> Json:
    """A recipient by an account, whose last four digits tell the stand-in what becomes of a payment."""
    return {"name": name, "account": {"number": f"00012345{digits}", "routing": _ROUTING}}


def by_alias(digits: str = "7890", name: str = "Jane Doe") -> Json:
    """The same by an alias."""
    return {"name": name, "alias": {"type": "email", "value": f"jane.{digits}@example.com"}}


class DebtorAccount:
    """An account of a merchant's own, which is debited, and the client that opens it."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.id = f"acc-{uuid.uuid4().hex}"
        self.client_id = f"shop{uuid.uuid4().hex}"
        self.client_secret = f"secret-{uuid.uuid4().hex}"
        self.key_id = f"key-{uuid.uuid4().hex}"
        self.key_secret = f"signed-by-{uuid.uuid4().hex}"

    def credentials(self, **more: Any) -> Json:
        """What Malipo is told."""
        return {
            "debtor_account_id": self.id,
            "oauth": {"client_id": self.client_id, "client_secret": self.client_secret},
            "webhook_keys": [{"id": self.key_id, "secret": self.key_secret}],
            **more,
        }

    def tell(self, service: str) -> None:
        """Have the bank send its webhooks to this service, at the one address that it has for all accounts."""
        key = {"id": self.key_id, "secret": self.key_secret}
        url = f"{service}{DESCRIPTOR.shared_callbacks_at}"
        body = {"debtor_account_id": self.id, "url": url, "key": key}
        self.http.post("/_sim/webhooks", json=body).raise_for_status()

    def payments(self, payment_id: str) -> list[Json]:
        """What the bank has of a payment: one, or none."""
        params = {"end_to_end_id": name_of(payment_id)}
        return self.http.get("/_sim/payments", params=params).raise_for_status().json()

    def decide(self, payment_id: str, decision: Decision, code: str | None = None) -> None:
        """A person at the bank decides about a payment."""
        path = f"/_sim/payments/{name_of(payment_id)}/{decision}"
        self.http.post(path, json={"code": code} if code else {}).raise_for_status()

    def script(self, plan: str, *, match: Json | None = None, **how: Any) -> None:
        """What becomes of the account's next payments by themselves."""
        body = {"match": {**(match or {}), "debtor_account_id": self.id}, "plan": plan, **how}
        self.http.post("/_sim/scripts", json=body).raise_for_status()

    def fault(self, name: str, *, match: Json | None = None, **rule: Any) -> AbstractContextManager[str]:
        """The bank misbehaves about this account while the block lasts; yields the rule's id. An `amount` is in cents."""
        return fault(self.http, name, match={**(match or {}), "account": self.id}, **rule)

    def strikes(self, rule_id: str) -> int:
        """How often a fault has struck."""
        return strikes(self.http, rule_id)

    def effects(self, payment_id: str | None = None) -> list[Json]:
        """What really happened to money, of a payment or of all of the account; amounts in cents."""
        about = {"end_to_end_id": name_of(payment_id)} if payment_id else {}
        params = {"account": self.id, **about}
        return self.http.get("/_sim/book", params=params).raise_for_status().json()["effects"]


def name_of(payment_id: str) -> str:
    """What a payment is called at the bank: its `end_to_end_id`."""
    return own_reference(charge_id(payment_id, 1))
