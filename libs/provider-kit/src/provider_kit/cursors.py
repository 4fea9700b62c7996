"""Up to when each account's statement is known: one row an account, leased by the process that reads it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from malipo.messaging.database import Database
from malipo.messaging.executor import Lease
from malipo.messaging.pool import Row
from malipo.messaging.writes import arrays, names
from provider_kit.statement import Known, Look, Terms
from provider_kit.tables import STATEMENTS

_KEYS = STATEMENTS.c.account, STATEMENTS.c.account_fingerprint, STATEMENTS.c.credential_id

_ALL = "SELECT account, credential_id FROM statements WHERE credential_id IS NOT NULL"
# Of an account that is read again after it was not, what the provider still shows is caught up with, and has to be proved anew.
_ADMIT = f"""
INSERT INTO statements AS known ({names(_KEYS)}, covered_until, covered_since, again_from)
SELECT found.*, now() - $4::interval, now() - $4::interval, now() - $4::interval
FROM unnest({arrays(_KEYS)}) AS found ({names(_KEYS)}) ORDER BY account
ON CONFLICT (account) DO UPDATE SET credential_id = excluded.credential_id,
    proved_at = CASE WHEN known.credential_id IS NOT NULL THEN known.proved_at END,
    (covered_until, covered_since) = (
    SELECT CASE WHEN anew THEN excluded.covered_until ELSE known.covered_until END,
        CASE WHEN anew THEN excluded.covered_since ELSE known.covered_since END
    FROM (SELECT known.credential_id IS NULL AND known.covered_until < now() - $5::interval AS anew) AS one)
"""  # noqa: S608 - names of ours
_REST = """
WITH rested AS (SELECT account FROM statements WHERE account = ANY($1::text[]) ORDER BY account FOR UPDATE)
UPDATE statements AS s SET credential_id = NULL FROM rested WHERE s.account = rested.account
"""
# A last look in the future is one by a clock that was ahead: then nothing else that it wrote down is waited for either.
_CLAIM = """
WITH due AS (
    SELECT account FROM statements
    WHERE credential_id IS NOT NULL AND account <> ALL($4::text[])
      AND (due_at <= now() AND (lease_until IS NULL OR lease_until < now()) OR looked_at > now() + interval '1 minute')
    ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
)
UPDATE statements AS s SET lease_token = $2, lease_until = now() + make_interval(secs => $3), looked_at = now()
FROM due WHERE s.account = due.account
RETURNING s.account, s.account_fingerprint, s.credential_id, s.covered_since, s.covered_until, s.again_from, s.again_at,
    s.failures, s.looked_at, s.proved_at IS NOT NULL AS proved
"""
_RENEW = """
WITH ours AS (SELECT account FROM statements WHERE account = ANY($2::text[]) AND lease_token = $1 ORDER BY account FOR UPDATE)
UPDATE statements AS s SET lease_until = now() + make_interval(secs => $3) FROM ours WHERE s.account = ours.account
"""
# What a callback has hinted at since this look began was perhaps not there yet.
_ADVANCE = """
UPDATE statements SET covered_since = $6, covered_until = $3, again_from = $7, again_at = $8, failures = 0,
    proved_at = coalesce(proved_at, CASE WHEN $9 THEN now() END), lease_token = NULL, lease_until = NULL,
    due_at = now() + CASE WHEN hastened_at > looked_at THEN least($4::interval, $5::interval) ELSE $4::interval END
WHERE account = $1 AND lease_token = $2 RETURNING 1
"""
_POSTPONE = """
UPDATE statements SET failures = failures + 1, lease_token = NULL, lease_until = NULL, due_at = now() + $3::interval
WHERE account = $1 AND lease_token = $2
"""
# While looks fail, as where a quota is used up, nobody can make us look sooner.
_HASTEN = """
WITH hastened AS (SELECT account FROM statements WHERE account_fingerprint = $1 ORDER BY account FOR UPDATE)
UPDATE statements AS s SET hastened_at = now(), due_at = CASE
    WHEN failures = 0 THEN least(due_at, greatest(now(), looked_at + $2::interval)) ELSE due_at END
FROM hastened WHERE s.account = hastened.account
"""
_OLDEST = "SELECT extract(epoch FROM max(now() - covered_until)) FROM statements WHERE credential_id IS NOT NULL"
_OVERDUE = """
UPDATE statements SET alerted_at = now()
WHERE account = ANY(ARRAY(
    SELECT account FROM statements WHERE credential_id IS NOT NULL AND covered_until < now() - $1::interval
      AND (alerted_at IS NULL OR alerted_at < now() - interval '1 hour') FOR UPDATE SKIP LOCKED))
RETURNING credential_id, covered_until, now() - covered_until AS age
"""


@dataclass(frozen=True, slots=True)
class Readable:
    """An account whose statement is to be read. `id` tells accounts at the provider apart; `credential_id` is of a label of it."""

    id: str
    account_fingerprint: str
    credential_id: str


@dataclass(frozen=True, slots=True)
class Cursor(Readable):
    """An account that this process may read now, at `looked_at` of the database's clock, and how far it is known.

    It has failed `failures` times running. `proved`: the statement has named a payment of ours.
    """

    token: str
    known: Known
    failures: int
    looked_at: datetime
    proved: bool


class Cursors:
    """The rows of one provider's accounts."""

    def __init__(self, database: Database, terms: Terms) -> None:
        self._database = database
        self._terms = terms

    async def admit(self, found: Sequence[Readable], unreadable: Collection[str]) -> None:
        """Have these accounts read, and no others but those of the credentials that cannot be read: they may come back."""
        known = {row["account"]: row["credential_id"] for row in await self._database.reads.fetch(_ALL)}
        new = sorted((one.id, one.account_fingerprint, one.credential_id) for one in found)
        new = [one for one in new if known.get(one[0]) != one[2]]
        if new:
            columns = zip(*new, strict=True)
            await self._database.write(_ADMIT, *columns, self._terms.lateness, self._terms.window)
        wanted = {one.id for one in found}
        gone = [name for name, label in known.items() if name not in wanted and label not in unreadable]
        if gone:
            await self._database.write(_REST, gone)

    async def claim(self, lease: Lease, count: int, running: Sequence[str]) -> Sequence[Cursor]:
        """Lease up to so many accounts that are due, the longest due first."""
        rows = await self._database.write(_CLAIM, count, lease.token, lease.seconds, running)
        return [_cursor(row, lease.token) for row in rows]

    async def renew(self, lease: Lease, account_ids: Sequence[str]) -> None:
        """Extend the leases that are still ours."""
        await self._database.write(_RENEW, lease.token, account_ids, lease.seconds)

    async def advance(self, cursor: Cursor, look: Look, *, proved: bool) -> bool:
        """The look's stretch is stored. Returns whether the lease was ours still; else nothing is changed."""
        terms, known = self._terms, look.known
        wait = terms.soonest if look.more else terms.every
        given = cursor.id, cursor.token, known.covered_until, wait, terms.soonest
        more = known.covered_since, known.again_from, known.again_at, proved
        return bool(await self._database.write(_ADVANCE, *given, *more))

    async def postpone(self, cursor: Cursor, wait: timedelta) -> None:
        """Looking has failed: again after `wait`."""
        await self._database.write(_POSTPONE, cursor.id, cursor.token, wait)

    async def hasten(self, account_fingerprint: str) -> None:
        """Have the statement of this account at the provider looked at soon. Where none is read this does nothing."""
        await self._database.write(_HASTEN, account_fingerprint, self._terms.soonest)

    async def oldest_seconds(self) -> float:
        """The age of the oldest instant that is not covered, over all accounts that are read; 0 without any."""
        return float(await self._database.reads.fetchval(_OLDEST) or 0)

    async def overdue(self, age: timedelta) -> Sequence[Row]:
        """Accounts that are not covered for longer than that: each once an hour, to one replica."""
        return await self._database.write(_OVERDUE, age)


def _cursor(row: Row, token: str) -> Cursor:
    columns = dict(row)
    known = Known(*(columns.pop(name) for name in ("covered_since", "covered_until", "again_from", "again_at")))
    return Cursor(id=columns.pop("account"), token=token, known=known, **columns)
