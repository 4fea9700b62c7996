"""Money at merchants' accounts that no payment explains: kept, listed, and assigned to a payment by a person."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, exists, select

from malipo.contracts.outcomes import UnmatchedReported
from malipo.contracts.providers import PROVIDERS
from malipo.messaging.pool import Queries, Row
from malipo.messaging.queries import CompiledQuery
from malipo.messaging.unit_of_work import Transaction, UnitOfWork
from malipo.messaging.writes import Write
from malipo.money import Money
from orchestrator.receipts import SAME, Receipt
from orchestrator.tables import RECEIPTS, SUSPENSE

_ASSIGNMENT = ("assigned_to", "assigned_at", "assigned_by", "because")
_KEPT = [column for column in SUSPENSE.columns if column.name not in _ASSIGNMENT]
_KEEP = Write(
    f"""INSERT INTO suspense ({{names}}) SELECT {{names}} FROM unnest({{arrays}}) AS new ({{names}})
    WHERE NOT EXISTS (SELECT FROM receipts AS r WHERE {SAME.format("new")}) ON CONFLICT DO NOTHING""",  # noqa: S608 - names of ours
    tuple(_KEPT),
)
_SAME_ID = "SELECT * FROM suspense WHERE id = ANY($1::text[])"
# Money that is reported in both ways in one batch, or to two replicas at once, is a payment's, although it was kept here.
_IS_A_PAYMENTS = exists().where(*(SUSPENSE.c[name] == RECEIPTS.c[name] for name in Receipt._fields))
_OPEN = CompiledQuery(
    select(*_KEPT)
    .where(SUSPENSE.c.assigned_to.is_(None), ~_IS_A_PAYMENTS)
    .order_by(SUSPENSE.c.id)
    .limit(bindparam("limit"))
)
_COUNT = f"""
SELECT provider, count(*) AS number, extract(epoch FROM now() - min(received_at))::float8 AS oldest_seconds
FROM suspense AS s WHERE assigned_to IS NULL AND NOT EXISTS (SELECT FROM receipts AS r WHERE {SAME.format("s")}) GROUP BY provider
"""  # noqa: S608 - names of ours
_ASSIGN = """
UPDATE suspense SET assigned_to = $2, assigned_at = now(), assigned_by = $3, because = $4
WHERE id = $1 AND assigned_to IS NULL RETURNING *
"""


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
    """Keep these, each once however often it is reported, and none that is a payment's money.

    Returns the ids under which other money was reported before: that cannot be.
    """
    if not reports:
        return []
    first = {one.id: one for one in reversed(reports)}
    kept = {row["id"]: _suspended(row) for row in await unit.reads.fetch(_SAME_ID, sorted(first))}
    unit.put(_KEEP, [_row(one) for _, one in sorted(first.items()) if one.id not in kept])
    before = {one.id: _money(one) for one in first.values()} | {one.id: _money(one) for one in kept.values()}
    return [one.id for one in reports if _money(one) != before[one.id]]


def receipt_of(money: Suspended) -> Receipt:
    """What names it."""
    return Receipt(money.provider, money.merchant_id, money.mode, money.account, money.reference)


def _money(one: UnmatchedReported | Suspended) -> tuple[object, ...]:
    return one.merchant_id, one.mode, one.provider, one.account, one.reference, one.amount


async def unassigned(source: Queries, limit: int) -> list[Suspended]:
    """What is not assigned yet, the oldest first."""
    return [_suspended(row) for row in await source.fetch(*_OPEN.of(limit=limit))]


async def counted(source: Queries) -> dict[str, tuple[int, float]]:
    """How much of each provider's is not assigned, and for how many seconds the oldest has waited; zeros for none."""
    counted: dict[str, tuple[int, float]] = dict.fromkeys(PROVIDERS, (0, 0.0))
    return counted | {row["provider"]: (row["number"], row["oldest_seconds"]) for row in await source.fetch(_COUNT)}


async def assign(
    transaction: Transaction, suspense_id: str, payment_id: str, by: str, because: str
) -> Suspended | None:
    """Mark it as the payment's; None if there is no such money, or it is assigned already."""
    row = await transaction.fetchrow(_ASSIGN, suspense_id, payment_id, by, because)
    return _suspended(row) if row else None


def _row(one: UnmatchedReported) -> Sequence[object]:
    """In the order of `_KEPT`."""
    account = one.id, one.merchant_id, one.mode, one.provider, one.account, one.reference
    return *account, one.amount.amount_minor, one.amount.currency, one.description, one.received_at, one.points_at


def _suspended(row: Row) -> Suspended:
    values = {name: row[name] for name in Suspended._fields if name != "amount"}
    return Suspended(amount=Money(row["amount_minor"], row["currency"]), **values)
