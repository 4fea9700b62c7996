"""Samples of what Stripe's API and webhooks send, in the shapes of version 2026-10-28.endive: the fields that matter."""

import hashlib
import hmac
import json

from malipo.contracts.providers.stripe import DESCRIPTOR
from malipo.contracts.retry import RetryAdvice
from provider_kit.provider import Attempt, Callback, ProviderOperation
from testkit import operations

CREDENTIALS = {"secret_key": "sk_test_51AbCdEfGh", "webhook_secrets": ["whsec_new000000", "whsec_old000000"]}
OTHER_CREDENTIALS = {"secret_key": "sk_test_61ZyXwVuTs", "webhook_secrets": ["whsec_other0000"]}
TAGS = {"malipo_payment_id": "pay_1", "malipo_operation_id": "pay_1.1"}
SETUP_TAGS = {"malipo_payment_id": "pm_1", "malipo_operation_id": "pm_1.1"}
REFUND_TAGS = TAGS | {"malipo_operation_id": "ref_1"}


def intent(status: str = "succeeded", **changes) -> dict:
    amount = changes.get("amount", 1000)
    return {
        "id": "pi_1",
        "object": "payment_intent",
        "status": status,
        "amount": amount,
        "amount_capturable": amount if status == "requires_capture" else 0,
        "amount_received": amount if status == "succeeded" else 0,
        "currency": "usd",
        "metadata": TAGS,
        "next_action": None,
        "last_payment_error": None,
    } | changes


def setup_intent(status: str = "succeeded", **changes) -> dict:
    return {
        "id": "seti_1",
        "object": "setup_intent",
        "status": status,
        "customer": "cus_1",
        "usage": "off_session",
        "metadata": SETUP_TAGS,
        "next_action": None,
        "last_setup_error": None,
        "payment_method": payment_method() if status == "succeeded" else None,
    } | changes


def payment_method(**changes) -> dict:
    card = {"brand": "visa", "last4": "4242", "exp_month": 8, "exp_year": 2030, "fingerprint": None}
    return {"id": "pm_there", "object": "payment_method", "customer": "cus_1", "card": card} | changes


def attempt(operation: ProviderOperation, **changes) -> Attempt:
    return operations.attempt(operation, DESCRIPTOR, **{"credentials": CREDENTIALS} | changes)


def redirect(url: str = "https://hooks.stripe.com/3ds/1") -> dict:
    return {"type": "redirect_to_url", "redirect_to_url": {"url": url, "return_url": "https://shop.example/back"}}


def method(reference: str = "ref_method", customer: str | None = None) -> dict:
    """A PaymentMethod, detached unless it is a customer's."""
    return {"id": reference, "object": "payment_method", "customer": customer}


def refund(status: str | None = "succeeded", **changes) -> dict:
    return {
        "id": "re_1",
        "object": "refund",
        "status": status,
        "amount": 1000,
        "currency": "usd",
        "payment_intent": "pi_1",
        "metadata": REFUND_TAGS,
    } | changes


LATER = RetryAdvice(
    advice="try_again_later", after_seconds=2 * 86_400, network_decline_code="51", network_advice_code="26"
)
"""What `card_error` says of the next try."""


def error(kind: str, code: str | None = None, **more) -> dict:
    return {"error": {"type": kind, "code": code, "message": "Stripe's own text."} | more}


def card_error(decline_code: str = "insufficient_funds") -> dict:
    failure = {"code": "card_declined", "decline_code": decline_code, "message": "Your card has insufficient funds."}
    failure |= {"advice_code": "try_again_later", "network_decline_code": "51", "network_advice_code": "26"}
    failed = intent("requires_payment_method", last_payment_error=failure | {"type": "card_error"})
    return {"error": failure | {"type": "card_error", "payment_intent": failed}}


def setup_error(decline_code: str = "insufficient_funds") -> dict:
    failure = {"code": "card_declined", "decline_code": decline_code, "message": "Your card has insufficient funds."}
    failed = setup_intent("requires_payment_method", last_setup_error=failure | {"type": "card_error"})
    return {"error": failure | {"type": "card_error", "setup_intent": failed}}


def page(*objects: dict, has_more: bool = False) -> dict:
    return {"object": "list", "data": list(objects), "has_more": has_more}


EVENT_NAMES = {"requires_capture": "amount_capturable_updated", "requires_payment_method": "payment_failed"}
"""How events call a PaymentIntent's status where they do not call it by its name."""


def dispute(status: str = "needs_response", *, moved: tuple[int, ...] = (-1000,), **changes) -> dict:
    return {
        "id": "du_1",
        "object": "dispute",
        "created": 1795772400,
        "status": status,
        "balance_transactions": [{"object": "balance_transaction", "amount": amount} for amount in moved],
        "evidence_details": {"due_by": 1796377199, "past_due": False},
        "reason": "fraudulent",
        "amount": 1000,
        "currency": "usd",
        "charge": "ch_1",
        "payment_intent": "pi_1",
        "metadata": {},
    } | changes


def thin(event_type: str, **more) -> dict:
    """An event of an event destination: thin events and pings carry no object."""
    shape = {"id": "evt_test_65R9Ijk8dKEYZcXeRWn16R9A7j1FSQ3w3TGDPLLGSM4CW0", "object": "v2.core.event"}
    return shape | {"type": event_type, "created": "2026-11-20T09:30:00.000Z", "livemode": False} | more


def event(about: dict, event_type: str | None = None, event_id: str = "evt_1") -> dict:
    if event_type is None:
        status = about.get("status", "succeeded")
        event_type = (
            "refund.updated"
            if about["object"] == "refund"
            else f"{about['object']}.{_event_name(about['object'], status)}"
        )
    return {"id": event_id, "object": "event", "type": event_type, "livemode": False, "data": {"object": about}}


def _event_name(noun: str, status: str) -> str:
    if (noun, status) == ("setup_intent", "requires_payment_method"):
        return "setup_failed"
    return EVENT_NAMES.get(status, status)


def signature(body: bytes, signed_at: int, *secrets: str) -> str:
    def sign(secret: str) -> str:
        return hmac.new(secret.encode(), b"%d." % signed_at + body, hashlib.sha256).hexdigest()

    return ",".join([f"t={signed_at}", *(f"v1={sign(secret)}" for secret in secrets)])


def signed(event: object, credentials: dict, signed_at: int) -> Callback:
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    return Callback({"stripe-signature": signature(body, signed_at, credentials["webhook_secrets"][-1])}, body)
