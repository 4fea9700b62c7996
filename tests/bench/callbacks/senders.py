"""A provider's callbacks as it signs and sends them, one about each charge, by the charge's number. Pure."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from malipo import clock
from malipo.contracts.commands import PaymentMethod
from malipo.contracts.identity import charge_id
from malipo.contracts.providers.bank import own_reference

ACCOUNT = "cred_receiver"
"""The credential whose callbacks are sent."""
AMOUNT_MINOR = 1000

_SECRET = "whsec_receiver"
_DEBTOR, _KEY_ID = "acc-receiver", "key-receiver"


@dataclass(frozen=True, slots=True)
class Callback:
    """One request of a provider's."""

    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Sender:
    """A provider as it looks from its callbacks: where they go, what signs them, and what they say of a charge."""

    provider: str
    path: str
    credentials: Mapping[str, object]
    method: PaymentMethod
    """What the charges are made with, in clear."""
    sign: Callable[[int, int], Callback]
    """The callback about a charge's success, by the charge's number and the Unix second at which it is sent."""


def payment_id(number: int) -> str:
    """The payment of a charge: `pay_` and its number in 26 digits."""
    return f"pay_{number:026d}"


def event_id(number: int) -> str:
    """What the provider calls the callback about a charge, however often it is sent."""
    return f"evt_{number:026d}"


def _stripe(number: int, now: int) -> Callback:
    tags = {"malipo_payment_id": payment_id(number), "malipo_operation_id": charge_id(payment_id(number), 1)}
    intent = {"id": f"pi_{number}", "object": "payment_intent", "status": "succeeded", "amount": AMOUNT_MINOR,
              "amount_capturable": 0, "amount_received": AMOUNT_MINOR, "currency": "usd", "metadata": tags,
              "next_action": None, "last_payment_error": None}  # fmt: skip
    event = {"id": event_id(number), "object": "event", "type": "payment_intent.succeeded", "livemode": False}
    body = msgspec.json.encode(event | {"data": {"object": intent}})
    digest = hmac.new(_SECRET.encode(), b"%d." % now + body, hashlib.sha256).hexdigest()
    return Callback(body, {"stripe-signature": f"t={now},v1={digest}"})


def _bank(number: int, now: int) -> Callback:
    at = clock.iso(clock.from_unix(now))
    payment = {"id": f"pmt_{number}", "end_to_end_id": own_reference(charge_id(payment_id(number), 1)), "rail": "RTP",
               "status": "completed", "iso_status": "ACSC", "amount": "10.00", "currency": "USD",
               "debtor_account_id": _DEBTOR, "clearing_ref": f"RTP{number}", "created_at": at, "updated_at": at,
               "version": 3}  # fmt: skip
    event = {"id": event_id(number), "type": "payment.completed", "created_at": at, "data": payment}
    body = msgspec.json.encode(event)
    digest = hmac.new(_SECRET.encode(), f"{now}.{event_id(number)}.".encode() + body, hashlib.sha256).hexdigest()
    return Callback(
        body,
        {
            "x-bank-event-id": event_id(number),
            "x-bank-timestamp": str(now),
            "x-bank-key-id": _KEY_ID,
            "x-bank-signature": f"v1={digest}",
        },
    )


SENDERS: Mapping[str, Sender] = {
    "bank": Sender(
        provider="bank",
        path="/webhook/payments",
        credentials={
            "partner": "default",
            "debtor_account_id": _DEBTOR,
            "oauth": {"client_id": "receiver", "client_secret": "receiver-secret"},
            "webhook_keys": [{"id": _KEY_ID, "secret": _SECRET}],
        },
        method=PaymentMethod(
            type="bank_transfer",
            details={
                "rail": "RTP",
                "recipient": {"name": "Grace Hopper", "account": {"number": "000123456789", "routing": "021000021"}},
            },
        ),
        sign=_bank,
    ),
    "stripe": Sender(
        provider="stripe",
        path=f"/callbacks/stripe/{ACCOUNT}",
        credentials={"secret_key": "sk_test_receiver", "webhook_secrets": [_SECRET]},
        method=PaymentMethod(type="card", details={"token": "pm_card_visa"}),
        sign=_stripe,
    ),
}
"""The providers whose callbacks can be sent."""
