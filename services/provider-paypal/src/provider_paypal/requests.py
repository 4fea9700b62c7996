"""Malipo's operations as PayPal's requests: the same bytes for the same operation, for ever. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeGuard
from urllib.parse import quote

import msgspec

from malipo.contracts.provider_commands import Cancel, Capture, Charge, Confirm, Detach, Refund, ReturnRequest, Setup
from malipo.contracts.providers.paypal import own_reference
from malipo.money import Money
from provider_kit.disputes import Dispute
from provider_kit.provider import Attempt
from provider_paypal import amounts
from provider_paypal.objects import AUTHORIZATION, CAPTURE

TOKEN_PATH = "/v1/oauth2/token"  # noqa: S105 - no secret
ORDERS_PATH = "/v2/checkout/orders"
AUTHORIZATIONS_PATH = "/v2/payments/authorizations"
CAPTURES_PATH = "/v2/payments/captures"
REFUNDS_PATH = "/v2/payments/refunds"
STATEMENT_PATH = "/v1/reporting/transactions"
VERIFY_PATH = "/v1/notifications/verify-webhook-signature"

_CHARGE = re.compile(r"pay_\w{1,60}\.\d{1,3}", re.ASCII)
_REFUND = re.compile(r"ref_\w{1,60}", re.ASCII)
_DESCRIPTION_CHARS = 127


@dataclass(frozen=True, slots=True)
class PaypalRequest:
    """One POST. `key` is its `PayPal-Request-Id`, under which a repeat has no second effect."""

    path: str
    key: str
    body: bytes


def request(attempt: Attempt) -> PaypalRequest | None:
    """What carries out the operation; None where nothing is known to do it to: see `choosing`."""
    match attempt.operation:
        case Charge() as charge:
            return _post(attempt, ORDERS_PATH, "order", _order(charge))
        case Confirm(reference=order, capture=capture):
            verb = "capture" if capture == "automatic" else "authorize"
            return _post(attempt, f"{path(ORDERS_PATH, order)}/{verb}", "confirm", {})
        case Capture() as capture:
            return _to(attempt, AUTHORIZATION, AUTHORIZATIONS_PATH, "capture", _capture(capture))
        case Cancel():
            return _to(attempt, AUTHORIZATION, AUTHORIZATIONS_PATH, "void", {})
        case Refund() as refund:
            return _to(attempt, CAPTURE, CAPTURES_PATH, "refund", _refund(refund))
        case Setup() | ReturnRequest() | Detach() | Dispute():
            raise TypeError("PayPal has no return requests, keeps no methods, and its disputes are not asked about")


def reauthorization(attempt: Attempt, authorization: str, amount: Money) -> PaypalRequest:
    """Renews what an authorization holds."""
    where = f"{path(AUTHORIZATIONS_PATH, authorization)}/reauthorize"
    return _post(attempt, where, "reauthorize", {"amount": amounts.written(amount)})


def is_charge(custom_id: str | None) -> TypeGuard[str]:
    """Whether it is our name of a charge; other systems of the same app give names of their own."""
    return custom_id is not None and _CHARGE.fullmatch(custom_id) is not None


def is_refund(custom_id: str | None) -> TypeGuard[str]:
    """Whether it is our name of a refund."""
    return custom_id is not None and _REFUND.fullmatch(custom_id) is not None


def path(collection: str, name: str) -> str:
    """The path of one object. Ids are ours to check: none leaves its place in the path."""
    return f"{collection}/{quote(name, safe='')}"


def _to(attempt: Attempt, role: str, collection: str, verb: str, body: Mapping[str, object]) -> PaypalRequest | None:
    chosen = attempt.references.all(role)[:1]  # what was noted before anything was sent comes first
    return _post(attempt, f"{path(collection, chosen[0])}/{verb}", verb, body) if chosen else None


def _post(attempt: Attempt, where: str, verb: str, body: Mapping[str, object]) -> PaypalRequest:
    return PaypalRequest(where, attempt.key_for(verb), msgspec.json.encode(body))


def _order(charge: Charge) -> Mapping[str, object]:
    unit: dict[str, object] = {
        "amount": amounts.written(charge.amount),
        "custom_id": charge.operation_id,
        "invoice_id": own_reference(charge.operation_id),
    }
    if description := (charge.description or "").strip()[:_DESCRIPTION_CHARS]:
        unit["description"] = description
    unit |= _on_the_statement(charge)
    context = {
        "return_url": charge.return_url,
        "cancel_url": charge.cancel_url,
        "user_action": "PAY_NOW",
        "shipping_preference": "NO_SHIPPING",
    }
    return {
        "intent": "CAPTURE" if charge.capture == "automatic" else "AUTHORIZE",
        "purchase_units": [unit],
        "payment_source": {"paypal": {"experience_context": {name: url for name, url in context.items() if url}}},
    }


def _capture(capture: Capture) -> Mapping[str, object]:
    return {
        "amount": amounts.written(capture.amount),
        "invoice_id": own_reference(capture.operation_id),
        "final_capture": capture.final,
    } | _on_the_statement(capture)


def _on_the_statement(command: Charge | Capture) -> dict[str, str]:
    """Of an order and of the capture of an authorization alike: each has a field of its own for it."""
    return {"soft_descriptor": command.statement_descriptor} if command.statement_descriptor else {}


def _refund(refund: Refund) -> Mapping[str, object]:
    return {
        "amount": amounts.written(refund.amount),
        "custom_id": refund.operation_id,
        "invoice_id": own_reference(refund.operation_id),
    }
