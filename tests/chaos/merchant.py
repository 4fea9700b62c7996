"""A careful merchant: the same request with the same idempotency key until there is an answer."""

import uuid
from dataclasses import dataclass, field

import httpx

from malipo_local.merchant import DemoMerchant, Json
from malipo_local.waiting import until

_PATIENCE_SECONDS = 60.0


class NoAnswer(AssertionError):
    """Nobody answered a request for a whole minute."""


@dataclass
class Asked:
    """One request and the answer that came in the end."""

    path: str
    body: Json
    key: str
    answer: Json
    status: int

    @property
    def outcome(self) -> str:
        """What must be the same at every repeat: the resource's id, or why there is none."""
        return str(self.answer.get("id") if self.status < 300 else self.answer.get("code"))


@dataclass
class Merchant:
    """Asks on behalf of one shop and keeps what was asked."""

    merchant: DemoMerchant
    asked: list[Asked] = field(default_factory=list[Asked])

    @property
    def payments(self) -> list[str]:
        """The ids of the payments that were asked for."""
        return [str(asked.answer["id"]) for asked in self.asked if asked.path == "/v1/payments"]

    def ask(self, path: str, body: Json, *, prefer: str = "wait=2") -> Asked:
        """Send until an answer comes that ends the matter. Raises `NoAnswer`."""
        asked = self._send(Asked(path, body, uuid.uuid4().hex, {}, 0), prefer)
        self.asked.append(asked)
        return asked

    def pay(self, token: str = "pm_card_visa", *, amount: int = 1250, prefer: str = "wait=2", **fields: str) -> str:
        """Ask for a card payment; answers its id."""
        method = {"type": "card", "token": token}
        body = {"amount": amount, "currency": "USD", "method": method, "client_ref": uuid.uuid4().hex, **fields}
        return str(self.ask("/v1/payments", body, prefer=prefer).answer["id"])

    def repeat(self, asked: Asked) -> Asked:
        """Send the same once more, as a client does that has forgotten the answer."""
        return self._send(asked, "wait=2")

    def _send(self, asked: Asked, prefer: str) -> Asked:
        found: list[httpx.Response] = []

        def answered() -> bool:
            try:
                response = self.merchant.post(asked.path, asked.body, key=asked.key, Prefer=prefer)
            except httpx.TransportError:
                return False
            found[:] = [response]
            return response.is_success or not response.json()["retry"]["safe"]

        if not until(answered, _PATIENCE_SECONDS, 0.1):
            message = f"no answer to {asked.path}: {found[0].text if found else 'no connection'}"
            raise NoAnswer(message)
        return Asked(asked.path, asked.body, asked.key, found[0].json(), found[0].status_code)


def accepted(merchant: DemoMerchant, payment_id: str | None = None) -> list[Json]:
    """The webhooks that the merchant could verify and answered with 2xx, in order of arrival."""
    return [one for one in merchant.received(payment_id) if one["verified"] and (one["answered"] or 0) // 100 == 2]
