"""What an event of a payment is in the books: a document with one entry, or none. Pure."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from malipo.contracts.events import PaymentTransitioned, PaymentView, PublicEvent

AT_PROVIDERS: Final = "1361"
"""The account of money that providers hold for us; these three are what a chart of accounts has, and yours has others."""
SALES: Final = "8400"
PAID_OUT: Final = "1600"
"""What transfers to recipients are booked to: what was owed to them."""

_TOOK_NOTHING = frozenset({"returned", "failed", "canceled"})


class Booked(NamedTuple):
    """How far a payment is booked: up to which of its events, and what they make up."""

    sequence: int = 0
    balance_minor: int = 0


class Document(NamedTuple):
    """What is posted to the ERP. `number` follows from the event, so that it is the same whoever posts it, however often."""

    number: str
    payment_id: str
    body: dict[str, object]


def fold(
    steps: Iterable[PaymentTransitioned], booked: Mapping[str, Booked]
) -> tuple[dict[str, Booked], list[Document]]:
    """The documents that these events make of payments booked so far, and how far they are booked then.

    An event tells what a payment's money makes up after it, so it is booked as the difference to what was booked before.
    One that comes late, behind later ones, is in those already. What is told of a method that is saved without a payment moves none.
    """
    now, documents = dict(booked), list[Document]()
    for step in steps:
        event, payment, before = step.public_event, step.payment, now.get(step.payment_id, Booked())
        if event is None or payment is None or event.sequence <= before.sequence:
            continue
        after = Booked(event.sequence, balance_minor(payment))
        now[step.payment_id] = after
        if change := after.balance_minor - before.balance_minor:
            documents.append(_document(step, payment, event, change))
    return now, documents


def balance_minor(payment: PaymentView) -> int:
    """What the merchant has of a payment, in minor units: what was taken, less what was given back; less than nothing of a
    transfer, which takes from the merchant.
    """
    moved = 0 if payment.status in _TOOK_NOTHING else payment.amount_captured
    return (moved if payment.transfer is None else -moved) - payment.amount_refunded


def number_of(event_id: str) -> str:
    """The document's number: `evt_01jd...` is `01JD...`, 26 characters. Shorten it by a digest if your ERP takes fewer."""
    return event_id.rpartition("_")[2].upper()


def _document(step: PaymentTransitioned, payment: PaymentView, event: PublicEvent, change_minor: int) -> Document:
    other = SALES if payment.transfer is None else PAID_OUT
    debit, credit = (AT_PROVIDERS, other) if change_minor > 0 else (other, AT_PROVIDERS)
    body: dict[str, object] = {
        "company": step.merchant_id,
        "booked_on": step.occurred_at.date().isoformat(),
        "debit": debit,
        "credit": credit,
        "amount_minor": abs(change_minor),
        "currency": payment.currency,
        "reference": payment.client_ref or step.payment_id,
        "text": f"{event.type} {step.payment_id}",
    }
    return Document(number_of(event.id), step.payment_id, body)
