"""The charges of saved methods as they were accepted: what a series has used, and which method is not to be charged again.

How each has ended is in its payment's row, which follows the orchestrator. What lags there still counts.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from gateway.tables import SAVED_CHARGES
from malipo.contracts.commands import Mode
from malipo.messaging.pool import Queries
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.messaging.writes import Write, insert, names

type Named = tuple[str, Mode, str]

_ADD = insert(SAVED_CHARGES)
_NUMBERLESS = [one for one in SAVED_CHARGES.columns if one is not SAVED_CHARGES.c.number]
# Under numbers behind those that are there: which ones they had before is nobody's business.
_RECALL = Write(
    f"""INSERT INTO saved_charges ({{names}}, number)
SELECT {names(_NUMBERLESS, "new.")}, CASE WHEN new.series IS NOT NULL THEN coalesce((
        SELECT max(c.number) FROM saved_charges AS c
        WHERE (c.merchant_id, c.mode, c.series) = (new.merchant_id, new.mode, new.series)
    ), 0) + row_number() OVER (PARTITION BY new.merchant_id, new.mode, new.series ORDER BY new.payment_id) END
FROM unnest({{arrays}}) AS new ({{names}})
WHERE NOT EXISTS (SELECT FROM saved_charges AS known WHERE known.payment_id = new.payment_id)""",  # noqa: S608 - names of ours
    _NUMBERLESS,
)
# All count but those that are known to have taken nothing: what is under way, in doubt, given back again or, as after a
# restore, of a payment that nobody knows, is counted.
_OF_SERIES = """
SELECT merchant_id, mode, series, coalesce(last, 0) AS last, count, amount
FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) AS asked (merchant_id, mode, series, since)
CROSS JOIN LATERAL (
    SELECT max(number) AS last FROM saved_charges AS c
    WHERE (c.merchant_id, c.mode, c.series) = (asked.merchant_id, asked.mode, asked.series)
) AS every
CROSS JOIN LATERAL (
    SELECT count(*) AS count, coalesce(sum(c.amount), 0)::bigint AS amount
    FROM saved_charges AS c LEFT JOIN payments AS p ON p.id = c.payment_id
    WHERE (c.merchant_id, c.mode, c.series) = (asked.merchant_id, asked.mode, asked.series)
      AND c.accepted_at >= asked.since AND coalesce(p.status, '') NOT IN ('failed', 'canceled')
) AS present
"""
_COUNTED = """
SELECT c.payment_id FROM saved_charges AS c LEFT JOIN payments AS p ON p.id = c.payment_id
WHERE c.merchant_id = $1 AND c.mode = $2 AND c.series = $3 AND c.accepted_at >= $4
  AND coalesce(p.status, '') NOT IN ('failed', 'canceled')
ORDER BY c.number DESC LIMIT $5
"""
# The newest that has approved the method or forbidden it.
_FORBIDDEN = """
SELECT payment_method, payment_id FROM (
    SELECT DISTINCT ON (c.payment_method) c.payment_method, c.payment_id, p.status
    FROM saved_charges AS c JOIN payments AS p ON p.id = c.payment_id
    WHERE c.payment_method = ANY($1::text[]) AND (p.status IN ('authorized', 'completed', 'returned')
       OR p.status = 'failed' AND p.view #>> '{failure,retry,advice}' = 'do_not_try_again')
    ORDER BY c.payment_method, c.payment_id DESC
) AS newest WHERE status = 'failed'
"""


class SavedCharge(NamedTuple):
    """A charge of a saved method, in the order of the table's columns; with a `number` in a series, if it is in one."""

    payment_id: str
    merchant_id: str
    mode: Mode
    payment_method: str
    amount: int
    accepted_at: datetime
    series: str | None = None
    number: int | None = None


def add(unit: UnitOfWork, accepted: Sequence[SavedCharge]) -> None:
    """Write charges that were just accepted. Of two units that have taken one number in a series, the second conflicts."""
    unit.put(_ADD, [tuple(one) for one in sorted(accepted, key=_place)])


def recall(unit: UnitOfWork, forgotten: Sequence[SavedCharge]) -> None:
    """Write charges that were accepted before, each of another payment, unless they are there: in their series each gets a number anew."""
    unit.put(_RECALL, [one[:-1] for one in sorted(forgotten)])


def _place(one: SavedCharge) -> tuple[str, str, str, int]:
    """One order of locking for all."""
    return one.merchant_id, one.mode, one.series or "", one.number or 0


async def of_series(source: Queries, since: Mapping[Named, datetime]) -> dict[Named, tuple[int, int, int]]:
    """Of each series its last charge's number, and how many charges since then count and what they make up."""
    if not since:
        return {}
    asked = [(*named, begun) for named, begun in sorted(since.items())]
    rows = await source.fetch(_OF_SERIES, *map(list, zip(*asked, strict=True)))
    return {
        (row["merchant_id"], row["mode"], row["series"]): (row["last"], row["count"], row["amount"]) for row in rows
    }


async def counted(source: Queries, series: Named, since: datetime, most: int) -> list[str]:
    """The payments that count in a series since then, the newest first, at most so many."""
    return [row["payment_id"] for row in await source.fetch(_COUNTED, *series, since, most)]


async def forbidden(source: Queries, method_ids: Collection[str]) -> dict[str, str]:
    """Those of these methods whose decline said never to charge them again, with that payment, unless one has succeeded since."""
    if not method_ids:
        return {}
    rows = await source.fetch(_FORBIDDEN, sorted(method_ids))
    return {row["payment_method"]: row["payment_id"] for row in rows}
