"""What genuine callbacks report that matches no operation: recorded, counted, and alerted if an object of ours is named."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from prometheus_client import Counter

from malipo import ids
from malipo.contracts.outcomes import OperationOpened
from malipo.contracts.topics import OUTCOMES
from malipo.messaging.database import Database
from malipo.messaging.pool import Queries, Row
from malipo.messaging.unit_of_work import UnitOfWork, outbox_row
from malipo.messaging.writes import Write, purge_of
from malipo.platform.logs import log
from provider_kit import references, reminders, reports, tables
from provider_kit.credentials import Account
from provider_kit.matching import MatchedCallback, unknown_charge
from provider_kit.provider import Unmatched

Concerns = Literal["ours", "claimed", "unclear", "others"]
"""Whom an unmatched report concerns. `ours`: it names an object that an operation of ours has made. `claimed`: it carries
an operation's tags, and there is no such operation here. `unclear`: it names nothing that could be looked up. These three
are alerted. `others`: another system of the same account did it; no alert.
"""

FOR_A_PERSON: tuple[Concerns, ...] = ("ours", "claimed", "unclear")
"""Whom the reports concern that are alerted."""

UNMATCHED = Counter(
    "malipo_provider_unmatched",
    "Genuine reports that match no operation, by whom they concern: `ours`, `claimed` and `unclear` need a person.",
    ("provider", "concerns"),
)
OTHERS_DAYS = 100
PURGE = purge_of(tables.UNMATCHED.c.received_at, only="concerns = 'others'")
LOOK_SECONDS = 10.0
AT_ONCE = 200

_RECORD = Write(
    """INSERT INTO unmatched ({names}, look_at)
SELECT {names}, CASE WHEN opened IS NOT NULL THEN now() + interval '10 seconds' END FROM unnest({arrays}) AS new ({names})
ON CONFLICT DO NOTHING""",
    [column for column in tables.UNMATCHED.columns if column.name not in ("received_at", "look_at")],
)
_DUE = "SELECT EXISTS (SELECT FROM unmatched WHERE look_at <= now())"
# A charge whose answer was lost is found within minutes; what is found after a month is found by a person.
_LOOK = """
SELECT credential_id, callback_id, number, merchant_id, mode, reference_ids, opened FROM unmatched
WHERE look_at <= now() ORDER BY look_at LIMIT $1 FOR UPDATE SKIP LOCKED
"""
_CHARGES = """
SELECT DISTINCT ON (known.reference) known.reference, a.merchant_id, a.payment_id, a.headers
FROM attempt_references AS known JOIN attempts AS a ON a.id = known.attempt_id
WHERE known.reference = ANY($1::text[]) AND a.account LIKE a.merchant_id || '/' || $2 || '/%' AND a.kind <> 'query'
"""
_FORGET = """
DELETE FROM unmatched AS u USING unnest($1::text[], $2::text[], $3::smallint[]) AS found (credential_id, callback_id, number)
WHERE (u.credential_id, u.callback_id, u.number) = (found.credential_id, found.callback_id, found.number)
"""
_LATER = """
UPDATE unmatched AS u SET look_at = CASE WHEN received_at > now() - interval '30 days'
    THEN now() + greatest(interval '10 seconds', now() - received_at) END
FROM unnest($1::text[], $2::text[], $3::smallint[]) AS left_over (credential_id, callback_id, number)
WHERE (u.credential_id, u.callback_id, u.number) = (left_over.credential_id, left_over.callback_id, left_over.number)
"""


@dataclass(frozen=True, slots=True)
class CallbackOrigin:
    """Where a genuine callback came from, and its id."""

    provider: str
    account: Account
    callback_id: str


async def made_here(source: Queries, unmatched: Sequence[Unmatched]) -> set[tuple[str, str]]:
    """Of all ids that these reports name, those of objects that an operation made: merchant's id and object's id."""
    return await references.made_here(source, [found for one in unmatched for found in one.references.values()])


def record(
    unit: UnitOfWork, origin: CallbackOrigin, matched: MatchedCallback, ours: AbstractSet[tuple[str, str]]
) -> None:
    """Put these reports of one callback into the unit of work; after the commit they are counted and alerted.

    A refund whose charge is not found is looked for again, see `look_again`.
    """
    account = origin.account
    kept: list[tuple[Unmatched, Any]] = [(one, None) for one in matched.unmatched]
    kept += [
        (unknown_charge(one), reports.opened(one, "", origin.provider, origin.callback_id)) for one in matched.unopened
    ]
    for number, (one, opened) in enumerate(kept):
        concerns = _concerns(one, account.merchant_id, ours)
        amount = (one.amount.amount_minor, one.amount.currency) if one.amount else (None, None)
        place = account.id, origin.callback_id, number, account.merchant_id, account.mode
        row = (*place, one.event_type, dict(one.references), *amount, concerns, msgspec.to_builtins(opened))
        unit.put(_RECORD, [row])
        unit.after_commit(lambda one=one, concerns=concerns: _alert(origin, one, concerns))


async def look_again(database: Database) -> bool:
    """Publish the refunds whose charge is known by now, and put off the others; returns whether there may be more."""
    if not await database.reads.fetchval(_DUE):
        return False
    async with database.begin() as unit:
        due = await unit.transaction.fetch(_LOOK, AT_ONCE)
        found = {(row["credential_id"], row["callback_id"], row["number"]): await _charge_of(unit, row) for row in due}
        for row in due:
            charge = found[row["credential_id"], row["callback_id"], row["number"]]
            if charge is not None:
                report = msgspec.convert(row["opened"] | {"payment_id": charge["payment_id"]}, OperationOpened)
                row_of_it = outbox_row(ids.new("msg"), OUTCOMES, report.payment_id, report, charge["headers"])
                reminders.send_and_remind(unit, row_of_it)
        for query, places in ((_FORGET, [p for p in found if found[p]]), (_LATER, [p for p in found if not found[p]])):
            if places:
                await unit.transaction.execute(query, *zip(*places, strict=True))
    return len(due) == AT_ONCE


async def _charge_of(unit: UnitOfWork, row: Row) -> Row | None:
    """The one payment of this merchant and mode that an object in the report belongs to."""
    named = list(row["reference_ids"].values())
    known = await unit.transaction.fetch(_CHARGES, named, row["mode"])
    ours = {one["payment_id"]: one for one in known if one["merchant_id"] == row["merchant_id"]}
    return next(iter(ours.values())) if len(ours) == 1 else None


def _concerns(one: Unmatched, merchant_id: str, ours: AbstractSet[tuple[str, str]]) -> Concerns:
    if any((merchant_id, reference) in ours for reference in one.references.values()):
        return "ours"
    if "operation" in one.references:
        return "claimed"
    return "others" if one.references else "unclear"


def _alert(origin: CallbackOrigin, one: Unmatched, concerns: Concerns) -> None:
    UNMATCHED.labels(origin.provider, concerns).inc()
    write = log.info if concerns == "others" else log.error
    write(
        "unmatched callback",
        provider=origin.provider,
        concerns=concerns,
        merchant_id=origin.account.merchant_id,
        callback_id=origin.callback_id,
        event_type=one.event_type,
        references=dict(one.references),
    )
