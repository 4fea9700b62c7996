"""Money at merchants' accounts that no payment explains: kept and listed until a person settles it, by a payment or without."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from malipo.contracts.outcomes import UnmatchedReported
from malipo.contracts.providers import PROVIDERS
from malipo.messaging.pool import Queries, Row
from malipo.messaging.unit_of_work import Transaction, UnitOfWork
from malipo.messaging.writes import insert, names
from malipo.money import Money
from orchestrator import receipts
from orchestrator.receipts import SAME, Receipt
from orchestrator.tables import SUSPENSE

_SETTLEMENT = ("assigned_to", "settled_at", "settled_by", "because")
_KEPT = [column for column in SUSPENSE.columns if column.name not in _SETTLEMENT]
_KEEP = insert(SUSPENSE, "ON CONFLICT (provider, merchant_id, mode, account, reference) DO NOTHING", _KEPT)
_KEPT_BEFORE = f"""
SELECT s.* FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
    AS r (provider, merchant_id, mode, account, reference) JOIN suspense AS s ON {SAME.format("s")}
"""  # noqa: S608 - names of ours
# Money that is reported in both ways in one batch, or to two replicas at once, is a payment's, although it was kept here.
_IS_OPEN = f"s.settled_at IS NULL AND NOT EXISTS (SELECT FROM receipts AS r WHERE {SAME.format('s')})"
_OPEN = f"SELECT {names(_KEPT, 's.')} FROM suspense AS s WHERE s.id > $1 AND {_IS_OPEN} ORDER BY s.id LIMIT $2"  # noqa: S608 - names of ours
_COUNT = f"""
SELECT provider, count(*) AS number, extract(epoch FROM now() - min(received_at))::float8 AS oldest_seconds
FROM suspense AS s WHERE {_IS_OPEN} GROUP BY provider
"""  # noqa: S608 - names of ours
_SETTLE = f"""
UPDATE suspense AS s SET assigned_to = $2, settled_at = now(), settled_by = $3, because = $4
WHERE s.id = $1 AND {_IS_OPEN} RETURNING *
"""  # noqa: S608 - names of ours
_FREE = f"""
WITH freed AS (
    UPDATE suspense SET assigned_to = NULL, settled_at = NULL, settled_by = NULL, because = NULL
    WHERE assigned_to = $1 AND reference = $2 RETURNING *
) DELETE FROM receipts AS r USING freed WHERE {SAME.format("freed")} AND r.payment_id = $1
"""  # noqa: S608 - names of ours


class Suspended(NamedTuple):
    """Money that nothing explains. `reference` is the provider's id of it; its purpose names the payment `points_at`."""

    id: str
    merchant_id: str
    mode: str
    provider: str
    account: str
    reference: str
    amount: Money
    description: str
    received_at: datetime
    points_at: str | None


async def keep(unit: UnitOfWork, reports: Sequence[UnmatchedReported]) -> list[str]:
    """Keep these, each once however often and at whatever times it is reported, and none that is a payment's money.

    Returns the ids of reports under whose reference another amount was reported before, in any way: that cannot be.
    """
    if not reports:
        return []
    first = {receipt_of(one): one for one in reversed(reports)}
    asked = sorted(first)
    kept = [_suspended(row) for row in await unit.reads.fetch(_KEPT_BEFORE, *zip(*asked, strict=True))]
    claimed = await receipts.claims(unit.reads, asked)
    known = {receipt_of(one): one.amount for one in kept} | {receipt: one.amount for receipt, one in claimed.items()}
    unit.put(_KEEP, [_row(first[receipt]) for receipt in asked if receipt not in known])
    before = {receipt: one.amount for receipt, one in first.items()} | known
    return [one.id for one in reports if one.amount != before[receipt_of(one)]]


def receipt_of(money: UnmatchedReported | Suspended) -> Receipt:
    """What names it."""
    return Receipt(money.provider, money.merchant_id, money.mode, money.account, money.reference)


async def still_open(source: Queries, after: str, limit: int) -> list[Suspended]:
    """What is not settled yet, the oldest first; those behind the id `after`."""
    return [_suspended(row) for row in await source.fetch(_OPEN, after, limit)]


async def counted(source: Queries) -> dict[str, tuple[int, float]]:
    """How much of each provider's is not settled, and for how many seconds the oldest has waited; zeros for none."""
    counted: dict[str, tuple[int, float]] = dict.fromkeys(PROVIDERS, (0, 0.0))
    return counted | {row["provider"]: (row["number"], row["oldest_seconds"]) for row in await source.fetch(_COUNT)}


async def settle(
    transaction: Transaction, suspense_id: str, payment_id: str | None, by: str, because: str
) -> Suspended | None:
    """Mark it as this payment's, or as no payment's; None if there is no such money, or it is settled already."""
    row = await transaction.fetchrow(_SETTLE, suspense_id, payment_id, by, because)
    return _suspended(row) if row else None


async def free(transaction: Transaction, payment_id: str, reference: str) -> None:
    """Take back that a person has assigned this money to the payment: it rests here again."""
    await transaction.execute(_FREE, payment_id, reference)


def _row(one: UnmatchedReported) -> Sequence[object]:
    """In the order of `_KEPT`."""
    account = one.id, one.merchant_id, one.mode, one.provider, one.account, one.reference
    return *account, one.amount.amount_minor, one.amount.currency, one.description, one.received_at, one.points_at


def _suspended(row: Row) -> Suspended:
    values = {name: row[name] for name in Suspended._fields if name != "amount"}
    return Suspended(amount=Money(row["amount_minor"], row["currency"]), **values)
