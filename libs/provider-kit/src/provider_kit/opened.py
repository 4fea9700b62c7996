"""Refunds that were made at the provider itself: told of their payment, or looked at again until it is known."""

from collections.abc import Callable

import msgspec

from malipo import ids
from malipo.contracts.topics import OUTCOMES
from malipo.messaging.database import Database
from malipo.messaging.pool import Row
from malipo.messaging.unit_of_work import UnitOfWork, outbox_row
from malipo.platform.logs import log
from provider_kit import knowledge, reminders, reports
from provider_kit.attempt_rows import OriginalAttempt
from provider_kit.credentials import Account
from provider_kit.matching import MatchedCallback, match, names_in
from provider_kit.provider import Opened, ParsedCallback

LOOK_SECONDS = 10.0
AT_ONCE = 200

_DUE = "SELECT EXISTS (SELECT FROM unmatched WHERE look_at <= now())"
# A charge whose answer was lost is found within minutes; what is found after a month is found by a person.
_LOOK = """
SELECT credential_id, callback_id, number, merchant_id, mode, account, opened FROM unmatched
WHERE look_at <= now() ORDER BY look_at LIMIT $1 FOR UPDATE SKIP LOCKED
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


def publish(unit: UnitOfWork, provider: str, callback_id: str, one: Opened, original: OriginalAttempt) -> None:
    """Tell of a refund of this operation's payment."""
    report = reports.opened(one, original.operation.payment_id, provider, callback_id)
    reminders.send_and_remind(unit, outbox_row(ids.new("msg"), OUTCOMES, report.payment_id, report, original.headers))


async def look_again(provider: str, nudge: Callable[[], None], database: Database) -> bool:
    """Tell of the refunds whose payment is known by now, forget those that are ours, and put off the others.

    Returns whether there may be more. A row that cannot be read stops no other: it is alerted and put off.
    """
    if not await database.reads.fetchval(_DUE):
        return False
    async with database.begin() as unit:
        due = await unit.transaction.fetch(_LOOK, AT_ONCE)
        settled = {_place(row) for row in due if await _is_settled(provider, unit, row)}
        for query, some in ((_FORGET, settled), (_LATER, {*map(_place, due)} - settled)):
            if some:
                await unit.transaction.execute(query, *zip(*sorted(some), strict=True))
        unit.after_commit(nudge)
    return len(due) == AT_ONCE


async def _is_settled(provider: str, unit: UnitOfWork, row: Row) -> bool:
    """Whether it is known by now what the refund is, and told if it is none of ours."""
    try:
        one = msgspec.convert(row["opened"], Opened)
    except msgspec.MsgspecError:
        log.error(
            "refund cannot be read", provider=provider, merchant_id=row["merchant_id"], callback_id=row["callback_id"]
        )
        return False
    matched = await _matched(unit, row, one)
    for opened, original in matched.opened:
        publish(unit, provider, row["callback_id"], opened, original)
    knowledge.ask(unit, matched.asked)
    return not (matched.unopened or matched.waiting)


def _place(row: Row) -> tuple[str, str, int]:
    return row["credential_id"], row["callback_id"], row["number"]


async def _matched(unit: UnitOfWork, row: Row, one: Opened) -> MatchedCallback:
    account = Account(row["credential_id"], row["merchant_id"], row["mode"], row["account"], {})
    parsed = ParsedCallback(row["callback_id"], opened=[one])
    originals = await knowledge.originals(unit.transaction, [], sorted(names_in(parsed)[1]))
    payments = [original.operation.payment_id for original in originals.values()]
    nameless = await knowledge.nameless_refunds(unit.transaction, payments)
    return match(parsed, account, originals, nameless, believe=False)
