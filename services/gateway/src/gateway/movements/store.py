"""Reads and writes what has moved the balances of merchants' accounts, always within one merchant and mode."""

from collections.abc import Sequence
from datetime import datetime

from gateway.movements.views import Account, Day, Difference, MovementView, Sums
from gateway.tables import MOVEMENTS
from malipo import ids
from malipo.contracts.commands import Mode
from malipo.contracts.movements import OF_PAYMENTS, Movement, MovementsReported
from malipo.messaging.pool import Queries, Row
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.messaging.writes import insert, names

MOST_OF_A_PAYMENT, MOST_DIFFERENCES = 1000, 100

# What is known is never forgotten: a movement is told again when it is known whose it was.
_PUT = insert(
    MOVEMENTS,
    """ON CONFLICT (merchant_id, mode, provider, id) DO UPDATE
SET payment_id = excluded.payment_id, operation_id = coalesce(excluded.operation_id, movements.operation_id)
WHERE excluded.payment_id IS NOT NULL
  AND (movements.payment_id, movements.operation_id) IS DISTINCT FROM (excluded.payment_id, coalesce(excluded.operation_id, movements.operation_id))""",
)
_SHOWN = [MOVEMENTS.c[name] for name in MovementView.__struct_fields__]
_OF_PAYMENT = f"""
SELECT {names(_SHOWN)} FROM movements WHERE payment_id = $1 AND merchant_id = $2 AND mode = $3 ORDER BY moved_at, id LIMIT $4
"""
_OF_DAY = "merchant_id = $1 AND mode = $2 AND moved_at >= $3 AND moved_at < $4"
_SUMS = f"""
SELECT provider, account, currency, kind, payment_id IS NOT NULL AS explained,
    count(*) AS count, sum(amount)::bigint AS amount, sum(fee)::bigint AS fee, sum(net)::bigint AS net
FROM movements WHERE {_OF_DAY} GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
"""
# A payment whose account is kept in another currency is not compared: the exchange rate is the provider's.
_DIFFERING = f"""
WITH settled AS (
    SELECT payment_id, currency, sum(amount)::bigint AS amount FROM movements
    WHERE merchant_id = $1 AND mode = $2 AND kind IN ('charge', 'refund', 'refund_failure')
      AND payment_id IN (SELECT payment_id FROM movements WHERE {_OF_DAY})
    GROUP BY payment_id, currency
), recorded AS (
    SELECT id, currency, (view ->> 'amount_captured')::bigint - (view ->> 'amount_refunded')::bigint AS amount
    FROM payments WHERE id IN (SELECT payment_id FROM settled)
)
SELECT r.id AS payment_id, r.currency, r.amount AS recorded, s.amount AS settled
FROM settled AS s JOIN recorded AS r ON (r.id, r.currency) = (s.payment_id, s.currency) WHERE r.amount <> s.amount
ORDER BY r.id LIMIT $5
"""
_AWAITING = """
SELECT count(*) FROM payments AS p
WHERE p.merchant_id = $1 AND p.mode = $2 AND p.id >= $3 AND p.id < $4 AND (p.view ->> 'amount_captured')::bigint > 0
  AND EXISTS (SELECT FROM movements AS any_ WHERE (any_.merchant_id, any_.mode, any_.provider) = ($1, $2, p.provider))
  AND NOT EXISTS (SELECT FROM movements AS m WHERE m.payment_id = p.id)
"""
_CORRECTED = """
SELECT count(*) FROM events WHERE merchant_id = $1 AND mode = $2 AND type = 'payment.corrected' AND id >= $3 AND id < $4
"""


def put_movements(unit: UnitOfWork, reports: Sequence[MovementsReported]) -> None:
    """Keep these movements; one that is told again with its payment gets that."""
    rows: dict[tuple[str, str, str, str], Sequence[object]] = {}
    for report in reports:
        for one in report.movements:
            key = report.merchant_id, report.mode, report.provider, one.id
            if key not in rows or one.payment_id is not None:
                rows[key] = _row(report, one)
    unit.put(_PUT, [row for _, row in sorted(rows.items())])


async def movements_of(source: Queries, payment_id: str, merchant_id: str, mode: Mode) -> list[MovementView]:
    """What the payment has moved, the earliest first."""
    rows = await source.fetch(_OF_PAYMENT, payment_id, merchant_id, mode, MOST_OF_A_PAYMENT)
    return [MovementView(**dict(row)) for row in rows]


async def day_of(source: Queries, merchant_id: str, mode: Mode, begin: datetime, end: datetime) -> Day:
    """What moved from `begin` until before `end`, and whether it is what Malipo has recorded."""
    owner = merchant_id, mode
    sums = await source.fetch(_SUMS, *owner, begin, end)
    differing = await source.fetch(_DIFFERING, *owner, begin, end, MOST_DIFFERENCES)
    awaiting = await source.fetchval(_AWAITING, *owner, ids.first_at("pay", begin), ids.first_at("pay", end))
    corrected = await source.fetchval(_CORRECTED, *owner, ids.first_at("evt", begin), ids.first_at("evt", end))
    accounts = dict.fromkeys((row["provider"], row["account"], row["currency"]) for row in sums)
    return Day(
        day=begin.date(),
        accounts=[_account(*about, sums) for about in accounts],
        corrected=corrected,
        awaiting=awaiting,
        differing=[Difference(**dict(row)) for row in differing],
    )


def _account(provider: str, account: str, currency: str, rows: Sequence[Row]) -> Account:
    own = [row for row in rows if (row["provider"], row["account"], row["currency"]) == (provider, account, currency)]
    kinds = {kind: _sums([row for row in own if row["kind"] == kind]) for kind in {row["kind"]: None for row in own}}
    matched = [row for row in own if row["explained"]]
    suspense = [row for row in own if not row["explained"] and row["kind"] in OF_PAYMENTS]
    others = [row for row in own if not row["explained"] and row["kind"] not in OF_PAYMENTS]
    return Account(
        provider=provider,
        account=account,
        currency=currency,
        kinds=kinds,
        matched=_sums(matched),
        suspense=_sums(suspense),
        others=_sums(others),
        total=_sums(own),
    )


def _sums(rows: Sequence[Row]) -> Sums:
    return Sums(*(sum(row[name] for row in rows) for name in Sums.__struct_fields__))


def _row(report: MovementsReported, one: Movement) -> Sequence[object]:
    """In the order of the table's columns."""
    place = report.merchant_id, report.mode, report.provider, one.id, report.account
    about = one.kind, one.payment_id, one.operation_id, one.reference
    money = one.currency, one.amount, one.fee, one.net, one.exchange_rate
    return *place, *about, *money, one.moved_at, one.available_at
