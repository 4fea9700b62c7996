"""Reads and writes series, always within one merchant and mode."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from gateway.payment_methods import charges
from gateway.series.limits import Limits, Named, Series, Usage
from gateway.series.periods import Period, period_at
from gateway.series.schemas import NewSeries
from malipo.contracts.commands import Mode
from malipo.messaging.pool import Queries, Statements

MOST_SHOWN = 100

# What is counted was counted in the first currency, and agreed with the first customer.
_PUT = """
INSERT INTO series AS s (merchant_id, mode, id, customer_ref, currency, max_amount, max_count, per, starts_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, coalesce($9::timestamptz, date_trunc('day', now(), 'UTC')))
ON CONFLICT (merchant_id, mode, id) DO UPDATE SET
    max_amount = excluded.max_amount, max_count = excluded.max_count, per = excluded.per,
    starts_at = coalesce($9::timestamptz, s.starts_at), updated_at = now()
WHERE (s.customer_ref, s.currency) = (excluded.customer_ref, excluded.currency)
RETURNING 1
"""
_NAMED = """
SELECT merchant_id, mode, id, customer_ref, currency, max_amount, max_count, per, starts_at, created_at, updated_at
FROM unnest($1::text[], $2::text[], $3::text[]) AS asked (merchant_id, mode, id) JOIN series USING (merchant_id, mode, id)
"""


async def put(source: Statements, merchant_id: str, mode: Mode, series_id: str, rules: NewSeries) -> bool:
    """Make the series, or replace its rules; False if it is another customer's, or in another currency."""
    starts_at = rules.starts_on and datetime.combine(rules.starts_on, datetime.min.time(), UTC)
    given = rules.customer_ref, rules.currency, rules.max_amount, rules.max_count, rules.per, starts_at
    return await source.fetchval(_PUT, merchant_id, mode, series_id, *given) is not None


async def get(source: Queries, named: Named) -> Series | None:
    """The series as it is now, if this merchant has it in this mode."""
    return (await _named(source, {named})).get(named)


async def limits(source: Queries, asked: Collection[Named], now: datetime) -> Limits:
    """The series that are asked for, with what is used of each `now`. Costs nothing where none is."""
    found = await _named(source, asked)
    return Limits(found, await usage(source, found, now))


async def usage(source: Queries, series: Mapping[Named, Series], now: datetime) -> dict[Named, Usage]:
    """What is used of each series in the period that is `now`."""
    periods = {named: period_at(one.starts_at, one.per, now) for named, one in series.items()}
    since = {named: period.starts_at if period else now for named, period in periods.items()}
    return {named: Usage(*used) for named, used in (await charges.of_series(source, since)).items()}


async def counted(source: Queries, named: Named, period: Period | None) -> list[str]:
    """The payments that count in this period, the newest first."""
    return [] if period is None else await charges.counted(source, named, period.starts_at, MOST_SHOWN)


async def _named(source: Queries, asked: Collection[Named]) -> dict[Named, Series]:
    if not asked:
        return {}
    rows = await source.fetch(_NAMED, *map(list, zip(*sorted(asked), strict=True)))
    return {
        (row["merchant_id"], row["mode"], row["id"]): Series(*(row[name] for name in Series._fields)) for row in rows
    }
