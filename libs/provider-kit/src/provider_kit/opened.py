"""Refunds that were made at the provider itself, and disputes: told of their payment, or looked at again until it is known. Also what waits for a statement."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import msgspec

from malipo import ids
from malipo.contracts.topics import OUTCOMES
from malipo.messaging.pool import Row
from malipo.messaging.unit_of_work import UnitOfWork, outbox_row
from malipo.money import Money
from provider_kit import knowledge, opened_attempts, references, reminders, reports, unmatched
from provider_kit.attempt_rows import OriginalAttempt
from provider_kit.credentials import Account
from provider_kit.looking import Judged
from provider_kit.matching import MatchedCallback, match, names_in
from provider_kit.provider import Opened, ParsedCallback, Unmatched
from provider_kit.reports import Origin
from provider_kit.tables import UNMATCHED
from provider_kit.unmatched import FOR_A_PERSON

LOOK_SECONDS = 10.0

_FOR_A_PERSON = "UPDATE unmatched SET concerns = 'unclear' WHERE (credential_id, callback_id, number) = ($1, $2, $3)"

_PERHAPS_OURS = timedelta(days=1)
"""How long a refund waits for one of ours to tell its id. Then it is told: should it be ours after all, it counts once."""
_UNTIL_A_PERSON = timedelta(days=30)
"""A charge whose answer was lost is found within minutes; what is found after a month is found by a person."""


def publish(unit: UnitOfWork, origin: Origin, one: Opened, original: OriginalAttempt) -> None:
    """Tell of a refund or dispute of this operation's payment."""
    report = reports.opened(one, original.operation.payment_id, origin)
    reminders.send_and_remind(unit, outbox_row(ids.new("msg"), OUTCOMES, report.payment_id, report, original.headers))


class OpenedOperations:
    """Judges refunds that were made at the provider, and disputes: tells those whose payment is known, and forgets those that are ours."""

    table = UNMATCHED
    alert = "what was opened at the provider cannot be read"
    longest = _UNTIL_A_PERSON
    at_once = 200

    def __init__(self, provider: str) -> None:
        self.provider = provider

    async def prepare(self, unit: UnitOfWork, rows: Sequence[Row]) -> None:
        """Nothing: what is told twice is one refund, by its id."""

    async def judge(self, unit: UnitOfWork, row: Row) -> Judged:
        """Whether it is known by now what it is, and told if it is none of ours."""
        if row["opened"] is None:
            return await self._waited(unit, row)
        matched, origin = await _matched(unit, row, msgspec.convert(row["opened"], Opened)), self._origin(row)
        for opened, original in matched.opened:
            publish(unit, origin, opened, original)
        opened_attempts.keep_disputes(unit, self.provider, matched.opened)
        if not (matched.unopened or matched.waiting):
            return Judged("forget", matched.asked)
        if row["age"] < _UNTIL_A_PERSON:
            return Judged("later", matched.asked)
        if row["concerns"] in FOR_A_PERSON:
            unit.after_commit(partial(self._give_up, row))
        return Judged("rest")

    async def _waited(self, unit: UnitOfWork, row: Row) -> Judged:
        """Whether what waited for a statement is explained by now; else a person is alerted."""
        known = await references.made_here(unit.transaction, list(row["reference_ids"].values()))
        if any((row["merchant_id"], reference) in known for reference in row["reference_ids"].values()):
            return Judged("forget")
        await unit.transaction.execute(_FOR_A_PERSON, row["credential_id"], row["callback_id"], row["number"])
        unit.after_commit(partial(self._give_up, {**row, "concerns": "unclear"}))
        return Judged("rest")

    def _give_up(self, row: Mapping[str, Any]) -> None:
        amount = None if row["currency"] is None else Money(row["amount_minor"], row["currency"])
        unmatched.alert(self._origin(row), Unmatched(row["event_type"], row["reference_ids"], amount), row["concerns"])

    def _origin(self, row: Mapping[str, Any]) -> Origin:
        return Origin(self.provider, _account(row), row["callback_id"], row["source"])


def _account(row: Mapping[str, Any]) -> Account:
    place = row["credential_id"], row["merchant_id"], row["mode"], row["account"]
    return Account(*place, {}, row["account_fingerprint"])


async def _matched(unit: UnitOfWork, row: Row, one: Opened) -> MatchedCallback:
    parsed = ParsedCallback(row["callback_id"], opened=[one])
    names = sorted(names_in(parsed)[1])
    waits = row["age"] < _PERHAPS_OURS
    nameless = await knowledge.nameless_refunds(unit.transaction, names) if waits else []
    originals = await knowledge.originals(unit.transaction, [], names)
    return match(parsed, _account(row), originals, nameless, believe=False)
