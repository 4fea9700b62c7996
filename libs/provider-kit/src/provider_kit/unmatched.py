"""What genuine callbacks report that matches no operation: recorded, counted, and alerted if an object of ours is named."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Literal

import msgspec
from prometheus_client import Counter
from sqlalchemy import Column, Interval

from malipo.messaging.pool import Queries
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.messaging.writes import Write, names, purge_of
from malipo.platform.logs import log
from provider_kit import references, tables
from provider_kit.matching import MatchedCallback, unknown_charge
from provider_kit.provider import Opened, Unmatched
from provider_kit.reports import Origin

Concerns = Literal["ours", "claimed", "unclear", "others"]
"""Whom an unmatched report concerns. `ours`: it names an object that an operation of ours has made. `claimed`: it carries
an operation's tags, and there is no such operation here. `unclear`: it names nothing that could be looked up, or money
that no operation of ours explains (`Unmatched.unless_ours`). These three are alerted. `others`: another system of the same account did it; no alert.
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

_COLUMNS = [column for column in tables.UNMATCHED.columns if column.name not in ("received_at", "look_at")]
_RECORD = Write(
    f"""INSERT INTO unmatched ({names(_COLUMNS)}, look_at)
SELECT {names(_COLUMNS)}, now() + CASE WHEN opened IS NOT NULL THEN interval '10 seconds' ELSE waits END
FROM unnest({{arrays}}) AS new ({{names}}) ON CONFLICT DO NOTHING""",  # noqa: S608 - names of ours
    [*_COLUMNS, Column("waits", Interval)],
)


async def made_here(source: Queries, unmatched: Sequence[Unmatched]) -> set[tuple[str, str]]:
    """Of all ids that these reports name, those of objects that an operation made: merchant's id and object's id."""
    return await references.made_here(source, [found for one in unmatched for found in one.references.values()])


def record(unit: UnitOfWork, origin: Origin, matched: MatchedCallback, ours: AbstractSet[tuple[str, str]]) -> None:
    """Put these reports of one callback, or of what was fetched, into the unit of work; after the commit they are counted and alerted.

    A refund whose charge is not found, or that one of ours may turn out to be, is looked at again, and so is what `waits`: see `opened`.
    """
    account = origin.account
    kept: list[tuple[Unmatched, Opened | None]] = [(one, None) for one in matched.unmatched]
    kept += [(unknown_charge(one), one) for one in (*matched.unopened, *matched.waiting)]
    for number, (one, opened) in enumerate(kept):
        concerns = _concerns(one, account.merchant_id, ours)
        amount = (one.amount.amount_minor, one.amount.currency) if one.amount else (None, None)
        place = account.id, origin.callback_id, number, account.merchant_id, account.mode
        waits = one.waits if concerns == "unclear" else None
        told = "others" if waits else concerns  # until it has waited for as long
        row = (*place, one.event_type, dict(one.references), *amount, told, msgspec.to_builtins(opened))
        unit.put(_RECORD, [(*row, account.label, account.fingerprint, origin.source, waits)])
        if opened not in matched.waiting and not waits:
            unit.after_commit(lambda one=one, concerns=concerns: alert(origin, one, concerns))


def _concerns(one: Unmatched, merchant_id: str, ours: AbstractSet[tuple[str, str]]) -> Concerns:
    is_ours = any((merchant_id, reference) in ours for reference in one.references.values())
    if one.unless_ours:
        return "others" if is_ours else "unclear"
    if is_ours:
        return "ours"
    if "operation" in one.references:
        return "claimed"
    return "others" if one.references else "unclear"


def alert(origin: Origin, one: Unmatched, concerns: Concerns) -> None:
    """Count and log the report; loudly, where it needs a person."""
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
