"""What Stripe has kept of a method, while it paid or without, and charges that the customer is not there for. Pure."""

import hashlib

import msgspec

from malipo.contracts.commands import SavedReference
from malipo.contracts.methods import SAVED
from malipo.contracts.outcomes import Authorized, Canceled, Declined, Kept, Outcome, Saved, Succeeded, Unknown
from malipo.contracts.provider_commands import Charge, Setup
from provider_kit.provider import ProviderOperation
from provider_stripe.objects import Intent, SetupIntent, StripeMethod, id_of

METHOD = "payment_method"
"""What the id of a PaymentMethod that was kept is noted under, by which later events about it find the charge."""
EXPANDED = "payment_method"
"""What is to be read whole, or the PaymentIntent has its id alone."""
INITIATOR = "malipo_initiator"
"""Marks a PaymentIntent that was made with nobody there."""
WANTS_CUSTOMER = "authentication_required"
"""Stripe's code of a decline that ends when the customer is asked."""


def is_saving(operation: ProviderOperation) -> bool:
    """Whether its method is to be kept: that of a charge, or without one."""
    return isinstance(operation, Setup) or (isinstance(operation, Charge) and operation.save_method)


def is_off_session(charge: Charge) -> bool:
    """Whether the customer is not there: the merchant charges what was saved before."""
    return charge.method.type == SAVED and charge.method.details.get("initiator") == "merchant"


def wants_customer(operation: ProviderOperation, outcome: Outcome) -> bool:
    """Whether a charge with nobody there has been declined because the customer is to be asked, and can be sent to a page."""
    asked_for = isinstance(outcome, Declined) and outcome.code == WANTS_CUSTOMER and outcome.reference is not None
    return (
        asked_for and isinstance(operation, Charge) and is_off_session(operation) and operation.return_url is not None
    )


def with_saved(charge: Charge, intent: Intent, outcome: Outcome | None) -> Outcome | None:
    """The outcome of a charge, with its method as that is kept: it is a customer's then, until it is detached."""
    paid = isinstance(outcome, Succeeded | Authorized | Canceled)
    saved = _saved(charge, intent.payment_method) if paid and charge.save_method else None
    return msgspec.structs.replace(outcome, saved=saved) if outcome is not None and saved is not None else outcome


def kept(setup: Setup, found: SetupIntent) -> Outcome:
    """The end of a setup that has succeeded, with the card that is kept, or was until it was detached; what is no card is nothing that
    could be charged here.
    """
    if isinstance(found.payment_method, StripeMethod) and found.payment_method.card is None:
        return Declined(code="method_no_card", reference=found.id)
    saved = _saved(setup, found.payment_method)
    if saved is None:
        return Unknown(reason="the card that is kept is not shown", reference=found.id)
    return Kept(saved=saved, reference=found.id)


def _saved(operation: Charge | Setup, method: StripeMethod | str | None) -> Saved | None:
    if not isinstance(method, StripeMethod) or method.card is None:
        return None
    card = method.card
    return Saved(
        method=SavedReference(reference=method.id, holder=id_of(method.customer)),
        brand=card.brand,
        last_four=card.last4,
        exp_month=card.exp_month,
        exp_year=card.exp_year,
        fingerprint=card.fingerprint and _hash(operation, card.fingerprint),
        attached=method.customer is not None,
    )


def kept_as(outcome: Outcome) -> str | None:
    """What Stripe calls the method that a charge or a setup has kept, if the outcome tells."""
    saved = outcome.saved if isinstance(outcome, Succeeded | Authorized | Kept | Canceled) else None
    return saved.method.reference if saved is not None and saved.attached else None


def _hash(operation: Charge | Setup, fingerprint: str) -> str:
    """Of another merchant, or in the other mode, the same card has another."""
    named = f"{operation.merchant_id}/{operation.mode}/stripe/{fingerprint}"
    return hashlib.sha256(named.encode()).hexdigest()[:32]
