"""Reads accounts' statements, for what no callback brings, or one that was lost did: each account by one process at a time."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta

from prometheus_client import Counter, Gauge

from malipo.contracts.identity import account_name
from malipo.messaging.database import Database
from malipo.messaging.executor import Executor
from malipo.messaging.pool import AWAY
from malipo.platform.logs import log
from malipo.platform.secrets import SecretUnreadable
from provider_kit import knowledge
from provider_kit.credentials import Account, CredentialStore, NoCredentials
from provider_kit.cursors import Cursor, Cursors, Readable
from provider_kit.door import Door
from provider_kit.errors import Misconfigured, NotSent
from provider_kit.matching import of_account, purpose
from provider_kit.movements import Moved, Movements
from provider_kit.provider import ParsedCallback, Provider, fingerprint
from provider_kit.references import OWN
from provider_kit.statement import Entry, Look, Statement, Stretch, next_look

ADMIT_SECONDS = 15.0
_TURN_SECONDS = 600.0  # the longest time of one look at one account
_AT_ONCE = 4
_POLL_SECONDS = 1.0
_FIRST_PAUSE = timedelta(minutes=1)
_LONGEST_PAUSE = timedelta(minutes=15)
_DOUBLINGS = 4
_EXPECTED = (NoCredentials, SecretUnreadable, NotSent, Misconfigured)

AGE = Gauge(
    "malipo_provider_statement_age_seconds",
    "Age of the oldest instant before which not all is known that the provider shows in statements, of all accounts and all"
    " replicas; at rest as long as a transaction may show late. Alert when it nears what the provider shows.",
    ("provider",),
)
WINDOW = Gauge(
    "malipo_provider_statement_window_seconds",
    "How far back the provider shows statements: what is older, and has not been read, is never seen.",
    ("provider",),
)
LOOKS = Counter(
    "malipo_provider_statement_looks", "Looks at accounts' statements: `read` or `failed`.", ("provider", "result")
)
TRANSACTIONS = Counter(
    "malipo_provider_statement_transactions",
    "Transactions read in statements: `stored`, `duplicate` for what was read before, `late` for what showed only when that was"
    " read once more, or `not_ours`.",
    ("provider", "result"),
)
GAPS = Counter(
    "malipo_provider_statement_gaps",
    "Times that an account's statement was read too late: the provider no longer showed all of it (alert on any).",
    ("provider",),
)


class StatementReader:
    """Reads the statements of one provider's accounts, and hands what is in them to the door that callbacks come through.

    How far an account is known moves on only after all up to there is stored: whatever dies, it is read again, and what was
    taken before is a duplicate. An account that cannot be read stops no other: it is tried again after a minute, and then
    after up to a quarter of an hour. Labels of one account at the provider are read once.
    """

    def __init__(
        self,
        provider: Provider,
        statement: Statement,
        credentials: CredentialStore,
        door: Door,
        database: Database,
        *,
        lease_seconds: float,
    ) -> None:
        self._provider = provider
        self._name = provider.descriptor.name
        self._statement = statement
        self._credentials = credentials
        self._door = door
        self._database = database
        self._movements = Movements(self._name, database)
        self._cursors = Cursors(database, statement.terms)
        self.executor = Executor(
            f"{self._name} statements",
            claim=self._cursors.claim,
            run=self.look,
            renew=self._cursors.renew,
            limit=_AT_ONCE,
            lease_seconds=lease_seconds,
            poll_seconds=_POLL_SECONDS,
        )
        WINDOW.labels(self._name).set(statement.terms.window.total_seconds())
        GAPS.labels(self._name)  # an alert on the first needs a zero before it
        TRANSACTIONS.labels(self._name, "late")

    async def admit(self, _: Database) -> None:
        """Find out which accounts are to be read, and alert before anything of one can be missed for ever."""
        await self._cursors.admit(*await self._readable())
        AGE.labels(self._name).set(await self._cursors.oldest_seconds())
        window = self._statement.terms.window
        for row in await self._cursors.overdue(window / 2):
            write = log.error if row["age"] >= window * 3 / 4 else log.warning
            write(
                "statement not read",
                provider=self._name,
                credential_id=row["credential_id"],
                covered_until=row["covered_until"].isoformat(),
                missed_after=(row["covered_until"] + window).isoformat(),
            )

    async def hasten(self, account: Account) -> None:
        """Have this account looked at soon: a callback has hinted at news. Not too often, and not while looks fail."""
        await self._cursors.hasten(fingerprint(self._provider, account.credentials))

    async def look(self, cursor: Cursor) -> None:
        """Read the next stretch of one account, and a part of what is known once more; write down how far that came."""
        try:
            account = await self._account(cursor)
            look = next_look(self._statement.terms, cursor.known, cursor.looked_at, cursor.failures)
            proved = await self._read(account, look.stretch, proved=cursor.proved)
        except AWAY:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, others are read; and its text may quote the statement
            await self._failed(cursor, error)
        else:
            proved = await self._read_again(cursor, account, look.again, proved=proved)
            await self._covered(cursor, look, proved=proved)

    async def _read(self, account: Account, stretch: Stretch, *, proved: bool, again: bool = False) -> bool:
        """Take all of it; returns whether it names a payment of ours, or `proved`. Raises `NotSent` when it is too much for one look."""
        limit = asyncio.timeout(_TURN_SECONDS)
        try:
            async with limit, aclosing(self._statement.pages(account, stretch)) as pages:
                async for page in pages:
                    reports = await self._take(account, page, again=again)
                    proved = proved or await self._names_ours(account, reports)
        except TimeoutError:
            if not limit.expired():
                raise
            raise NotSent("not read in time") from None
        return proved

    async def _read_again(self, cursor: Cursor, account: Account, stretch: Stretch | None, *, proved: bool) -> bool:
        """Take what has shown late. What cannot be read now keeps no news waiting: its turn comes again."""
        if stretch is None:
            return proved
        try:
            return await self._read(account, stretch, proved=proved, again=True)
        except AWAY:
            raise
        except Exception as error:  # noqa: BLE001 - as above
            self._complain(cursor, error)
            return proved

    async def _names_ours(self, account: Account, page: Sequence[ParsedCallback]) -> bool:
        """Whether a payment in it has a name of our own making as its purpose: the statement shows what we would look for."""
        purposes = set[str]().union(*(purpose(money) for report in page for money in report.received))
        if not purposes:
            return False
        found = await knowledge.originals(self._database.reads, [], sorted(purposes))
        ours = of_account(found.values(), account)
        return any((OWN, name) in one.references for one in ours for name in purposes)

    async def _take(self, account: Account, page: Sequence[Entry], *, again: bool) -> Sequence[ParsedCallback]:
        """Take all of it, the reports first: they may tell of what has moved. Returns these."""
        reports = [one for one in page if isinstance(one, ParsedCallback)]
        await self._take_reports(account, reports, again=again)
        there = replace(account, fingerprint=fingerprint(self._provider, account.credentials))
        await self._movements.take(there, [one for one in page if isinstance(one, Moved)])
        return reports

    async def _take_reports(self, account: Account, page: Sequence[ParsedCallback], *, again: bool) -> None:
        same = self._statement.terms.callbacks
        # A callback of the same id was perhaps not believed: what is fetched is, and is another report.
        fetched = page if same else [replace(report, callback_id=f"fetched/{report.callback_id}") for report in page]
        taking = [self._door.take(account, one, source="reconciliation", is_callback=same) for one in fetched]
        taken = await asyncio.gather(*taking, return_exceptions=True)
        for result in taken:
            if isinstance(result, BaseException):
                raise result
            is_late = again and result == "stored"
            TRANSACTIONS.labels(self._name, "late" if is_late else result).inc()
            if is_late:
                log.warning("transaction showed late", provider=self._name, credential_id=account.id)

    async def _covered(self, cursor: Cursor, look: Look, *, proved: bool) -> None:
        if not await self._cursors.advance(cursor, look, proved=proved):
            return  # another process reads it by now, from where this one began
        LOOKS.labels(self._name, "read").inc()
        covered_until = cursor.known.covered_until.isoformat()
        if look.ahead:
            log.error("statement read anew", **self._about(cursor), clock_was_ahead_until=covered_until)
        if look.gap:
            GAPS.labels(self._name).inc()
            missed = {"since": covered_until, "until": look.stretch.since.isoformat()}
            log.error("statement missed", **self._about(cursor), **missed)

    async def _failed(self, cursor: Cursor, error: Exception) -> None:
        pause = min(_FIRST_PAUSE * 2 ** min(cursor.failures, _DOUBLINGS), _LONGEST_PAUSE)
        if isinstance(error, NotSent) and error.retry_after_seconds is not None:
            pause = min(max(pause, timedelta(seconds=error.retry_after_seconds)), _LONGEST_PAUSE)
        await self._cursors.postpone(cursor, pause)
        LOOKS.labels(self._name, "failed").inc()
        self._complain(cursor, error)

    def _complain(self, cursor: Cursor, error: Exception) -> None:
        why = str(error) if isinstance(error, NotSent | Misconfigured) else type(error).__name__
        write = log.warning if isinstance(error, _EXPECTED) else log.error
        write("statement cannot be read", **self._about(cursor), error=why)

    def _about(self, cursor: Cursor) -> dict[str, str]:
        return {"provider": self._name, "credential_id": cursor.credential_id}

    async def _account(self, cursor: Cursor) -> Account:
        """The account of the cursor. Raises `NoCredentials` if the label is of another one by now."""
        account = await self._credentials.by_id(cursor.credential_id)
        seen = self._seen(account)
        if seen is None or seen.id != cursor.id:
            raise NoCredentials
        return replace(account, fingerprint=seen.account_fingerprint)

    async def _readable(self) -> tuple[list[Readable], list[str]]:
        """The accounts that have statements, by one label each; and the credentials of which nobody can say that."""
        found: dict[str, Readable] = {}
        unreadable: list[str] = []
        for credential_id in await self._credentials.ids():
            try:
                seen = self._seen(await self._credentials.by_id(credential_id))
            except NoCredentials:
                continue  # deleted meanwhile
            except (SecretUnreadable, Misconfigured):
                unreadable.append(credential_id)
                continue
            if seen is not None:
                found.setdefault(seen.id, seen)
        return list(found.values()), unreadable

    def _seen(self, account: Account) -> Readable | None:
        if not self._statement.is_read(account.credentials):
            return None
        there = fingerprint(self._provider, account.credentials)
        return Readable(account_name(account.merchant_id, account.mode, there), there, account.id)
