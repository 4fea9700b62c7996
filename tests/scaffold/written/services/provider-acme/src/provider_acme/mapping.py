"""Malipo's operations as requests to Acme Pay, and its responses as Malipo's outcomes. Pure."""

import json
from dataclasses import dataclass
from typing import Any

from malipo.contracts.outcomes import Declined, Outcome, Succeeded, Unknown
from malipo.contracts.provider_commands import Charge, Refund
from malipo.contracts.providers.acme import AcmeMethod
from malipo.money import Money
from provider_kit.bodies import name_of_body
from provider_kit.errors import Misconfigured, NotSent
from provider_kit.provider import Attempt, CallbackOutcome, ParsedCallback


@dataclass(frozen=True, slots=True)
class AcmeRequest:
    """One request: the same bytes for the same operation, for ever."""

    method: str
    path: str
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class AcmeResponse:
    """A response that came whole, whatever it means."""

    status: int
    body: bytes
    retry_after_seconds: float | None = None


def request(attempt: Attempt) -> AcmeRequest:
    """What carries out the operation."""
    operation = attempt.operation
    assert isinstance(operation, Charge | Refund)
    plain = {
        "tag": operation.operation_id,
        "amount": operation.amount.amount_minor,
        "currency": operation.amount.currency,
    }
    if isinstance(operation, Refund):
        return AcmeRequest("POST", "/refunds", _encoded(plain | {"payment": operation.reference}))
    assert isinstance(attempt.method, AcmeMethod)
    return AcmeRequest("POST", "/payments", _encoded(plain | {"phone": attempt.method.phone}))


def inquiry(attempt: Attempt) -> AcmeRequest:
    """What reads how the operation stands, by our id of it."""
    return AcmeRequest("GET", f"/tags/{attempt.operation.operation_id}")


def outcome_of(response: AcmeResponse) -> Outcome:
    """What a response means. Raises `NotSent` or `Misconfigured`."""
    match response.status:
        case 200:
            return _read(response.body)
        case 401:
            raise Misconfigured("Acme Pay refuses the secret.")
        case 429:
            raise NotSent("Acme Pay limits the rate.", retry_after_seconds=response.retry_after_seconds or 1)
        case status:
            return Unknown(reason=f"http {status}", silent=status >= 500)


def read_callback(body: bytes) -> ParsedCallback:
    """What a callback reports: the same object as a response."""
    tag = json.loads(body)["tag"]
    kind = "refund" if tag.startswith("ref") else "charge"
    outcome = CallbackOutcome(operation_id=tag, kind=kind, outcome=_read(body))
    return ParsedCallback(name_of_body(body), [outcome])


def _read(body: bytes) -> Outcome:
    try:
        return _standing(json.loads(body))
    except (ValueError, TypeError):
        return Unknown(reason="unreadable answer")


def _standing(found: Any) -> Outcome:
    match found:
        case {"id": str(reference), "status": "paid", "amount": int(amount), "currency": str(currency)}:
            return Succeeded(amount=Money(amount, currency), reference=reference)
        case {"id": str(reference), "status": "refused"}:
            return Declined(code="refused", message="The customer did not agree.", reference=reference)
        case _:
            return Unknown(reason="unreadable answer")


def _encoded(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
