"""A careful merchant: the same request with the same idempotency key until there is an answer."""

import uuid
from dataclasses import dataclass, field

import httpx

from malipo_local.merchant import DemoMerchant, Json
from malipo_local.waiting import until

_PATIENCE_SECONDS = 60.0


class NoAnswer(AssertionError):
    """No answer to a request came for a whole minute."""


@dataclass
class SentRequest:
    """One request and its final answer."""

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
    """Sends requests on behalf of one merchant and keeps them."""

    demo: DemoMerchant
    requests: list[SentRequest] = field(default_factory=list[SentRequest])
    found: list[str] = field(default_factory=list[str])
    """The ids of payments that nobody requested."""

    @property
    def payments(self) -> list[str]:
        """The ids of the merchant's payments, and of methods that were saved without one: what was requested, and what was found."""
        begin = ("/v1/payments", "/v1/payment-methods")
        return [*(str(one.answer["id"]) for one in self.requests if one.path in begin), *self.found]

    def request(self, path: str, body: Json, *, prefer: str = "wait=2") -> SentRequest:
        """Send until a final answer comes. Raises `NoAnswer`."""
        sent = self._send(SentRequest(path, body, uuid.uuid4().hex, {}, 0), prefer)
        self.requests.append(sent)
        return sent

    def pay(self, method: Json, amount: int, currency: str, *, prefer: str = "wait=2", **fields: object) -> str:
        """Request a payment by this method; returns its id."""
        body = {"amount": amount, "currency": currency, "method": method, "client_ref": uuid.uuid4().hex, **fields}
        return str(self.request("/v1/payments", body, prefer=prefer).answer["id"])

    def repeat(self, request: SentRequest) -> SentRequest:
        """Send the same once more, as a client does that lost the answer."""
        return self._send(request, "wait=2")

    def _send(self, request: SentRequest, prefer: str) -> SentRequest:
        found: list[httpx.Response] = []

        def answered() -> bool:
            try:
                response = self.demo.post(request.path, request.body, key=request.key, Prefer=prefer)
            except httpx.TransportError:
                return False
            found[:] = [response]
            return response.is_success or not response.json()["retry"]["safe"]

        if not until(answered, _PATIENCE_SECONDS, 0.1):
            message = f"no answer to {request.path}: {found[0].text if found else 'no connection'}"
            raise NoAnswer(message)
        return SentRequest(request.path, request.body, request.key, found[0].json(), found[0].status_code)


def accepted(merchant: DemoMerchant, payment_id: str | None = None) -> list[Json]:
    """The webhooks that the merchant could verify and answered with 2xx, in order of arrival."""
    return [one for one in merchant.received(payment_id) if one["verified"] and (one["answered"] or 0) // 100 == 2]
