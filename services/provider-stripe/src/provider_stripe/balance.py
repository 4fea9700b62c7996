"""Stripe's balance transactions as movements of the account's balance. Pure."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from malipo import clock
from malipo.contracts.movements import Movement, MovementKind
from malipo.money import EXPONENTS
from malipo.platform.logs import log
from provider_kit.movements import Moved
from provider_kit.reading import Reader
from provider_stripe.objects import OPERATION, Id, is_id

_KINDS: Mapping[str, MovementKind] = {
    "charge": "charge",
    "charge_failure": "charge",
    "partial_capture_reversal": "charge",
    "refund": "refund",
    "refund_failure": "refund_failure",
    "dispute": "dispute",
    "dispute_reversal": "dispute_reversal",
    "fee": "fee",
    "payout": "payout",
    "payout_reversal": "payout_failure",
}
"""By the reporting category (docs.stripe.com/reports/reporting-categories); all others are of no payment of ours."""


class Source(msgspec.Struct):
    """What moved the balance: a charge, a refund, a dispute, a payout, with the ids of what it is about."""

    id: Id
    payment_intent: Id | None = None
    charge: Id | None = None
    metadata: dict[str, str] | None = None


class BalanceTransaction(msgspec.Struct):
    """A balance transaction, as far as we read it, with its `source` expanded where Stripe does so. Unix times."""

    id: Id
    amount: int
    fee: int
    net: int
    currency: str
    created: int
    reporting_category: str
    available_on: int | None = None
    exchange_rate: Decimal | None = None
    source: Source | Id | None = None


_TRANSACTION = Reader[BalanceTransaction](BalanceTransaction)


def movements_in(objects: Sequence[msgspec.Raw]) -> list[Moved]:
    """What each balance transaction says. One that is like no other keeps the rest from nobody: it is logged."""
    found = list[Moved]()
    for raw in objects:
        try:
            found.append(_moved(_TRANSACTION.decode(raw)))
        except ValueError:
            log.error("balance transaction not understood", provider="stripe")
    return found


def _moved(one: BalanceTransaction) -> Moved:
    """Raises `ValueError` for a currency that nobody knows."""
    currency = one.currency.upper()
    if currency not in EXPONENTS:
        raise ValueError(currency)
    source = Source(one.source) if isinstance(one.source, str) else one.source
    movement = Movement(
        id=one.id,
        kind=_KINDS.get(one.reporting_category, "other"),
        currency=currency,
        amount=one.amount,
        fee=one.fee,
        net=one.net,
        moved_at=clock.from_unix(one.created),
        available_at=None if one.available_on is None else clock.from_unix(one.available_on),
        exchange_rate=None if one.exchange_rate is None else format(one.exchange_rate, "f"),
        reference=source and source.id,
    )
    if source is None:
        return Moved(movement)
    tag = (source.metadata or {}).get(OPERATION, "")
    references = [name for name in (source.payment_intent, source.charge) if name]
    return Moved(movement, operation_id=tag if is_id(tag) else None, references=references)
