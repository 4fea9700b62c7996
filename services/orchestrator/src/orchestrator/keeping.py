"""What a provider keeps of a payment's method: saved once, changed by its network, detached there. Pure."""

from dataclasses import replace
from datetime import datetime

from malipo.contracts.events import CardChange
from malipo.contracts.identity import saved_id
from malipo.contracts.outcomes import Authorized, Canceled, Kept, Outcome, Saved, Succeeded
from orchestrator.payment import Operation, Payment
from orchestrator.saved import SavedMethod
from orchestrator.states import Subject

_SHOWN = ("brand", "last_four", "exp_month", "exp_year", "fingerprint")


def told_of(outcome: Outcome) -> Saved | None:
    """What an outcome of the charge, or the setup, says of its method, if anything."""
    return outcome.saved if isinstance(outcome, Succeeded | Authorized | Kept | Canceled) else None


def saved_method(payment: Payment, told: Saved, now: datetime) -> SavedMethod | None:
    """The payment's method as it is kept now; None where that is nothing new, or nobody has asked for it."""
    if payment.saved is not None:
        return _changed(payment.saved, told, now)
    if not payment.save_method or not (told.attached or payment.subject is Subject.SETUP):
        return None
    return SavedMethod(
        id=payment.id if payment.subject is Subject.SETUP else saved_id(payment.id),
        payment_id=payment.id,
        merchant_id=payment.merchant_id,
        mode=payment.mode,
        type=payment.method.type,
        reference=told.method.reference,
        holder=told.method.holder,
        brand=told.brand,
        last_four=told.last_four,
        exp_month=told.exp_month,
        exp_year=told.exp_year,
        fingerprint=told.fingerprint,
        created_at=now,
        updated_at=now,
    )


def _changed(known: SavedMethod, told: Saved, now: datetime) -> SavedMethod | None:
    """The method with another card, if that is another one than is known. Answers come in the order in which they were given."""
    others = {name: getattr(known, name) for name in _SHOWN if getattr(known, name) != getattr(told, name)}
    if not others or told.method.reference != known.reference:
        return None
    shown = {name: getattr(told, name) for name in _SHOWN}
    return replace(known, **shown, changed=CardChange(at=now, **others), updated_at=now)


def detached_there(payment: Payment, now: datetime) -> Operation:
    """A detach that somebody has made at the provider itself."""
    return Operation(
        id=payment.own_id(Subject.DETACH, "provider"),
        payment_id=payment.id,
        subject=Subject.DETACH,
        amount_minor=0,
        opened_by="provider",
        created_at=now,
        updated_at=now,
    )
