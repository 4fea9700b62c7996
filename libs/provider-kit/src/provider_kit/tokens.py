"""Access tokens that all replicas share: one row per account, fetched by one process at a time, sealed where it rests.

A provider may end the former token with each new one (Safaricom's OAuth documentation), or limit how many are fetched
(PayPal's), so that no replica fetches one of its own.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from malipo import clock, ids
from malipo.messaging.database import Database
from malipo.messaging.pool import Row
from malipo.platform.logs import log
from malipo.platform.recent import Recent
from malipo.platform.secrets import KeyRing, SecretUnreadable
from provider_kit.calls import TOKENS
from provider_kit.errors import NotReady, NotSent
from provider_kit.readiness import database_of

FETCH_SECONDS = 15.0
"""The longest time of one fetch, after which another process may fetch."""
REST_SECONDS, LONGEST_REST_SECONDS = 5.0, 60.0
"""For how long no refused token of an account is renewed once a new one was refused as well: twice as long each time that this
happens again soon, and at the longest.
"""

_LONGEST_LIFE_SECONDS = 86_400.0  # what is said to be good for ever is no time that PostgreSQL can hold
_KEPT_SECONDS = 1.0  # in this process: so soon a token that another one has replaced is used no longer
_LOOK_SECONDS = 0.05
_MOST_KEPT = 10_000
_DATABASE = "access tokens"

# Renewed when a tenth of its life is left, so that what is handed out is good for longer than any request.
_FIND = """
SELECT ciphertext, number FROM access_tokens
WHERE account = $1 AND ciphertext IS NOT NULL AND number > $2 AND renew_at > now()
"""
# A lease and no lock: no connection waits for the provider, and a process that freezes holds up the others for seconds.
_BEGIN = """
INSERT INTO access_tokens AS known (account, fetching_by, fetching_until, number)
VALUES ($1, $2, now() + make_interval(secs => $3), 0)
ON CONFLICT (account) DO UPDATE SET fetching_by = $2, fetching_until = now() + make_interval(secs => $3)
WHERE (known.fetching_until IS NULL OR known.fetching_until <= now())
  AND (known.ciphertext IS NULL OR known.renew_at <= now()
    OR known.number <= $4 AND (known.rests_until BETWEEN now() AND now() + make_interval(secs => $5)) IS NOT TRUE)
RETURNING known.number
"""
_STORE = """
UPDATE access_tokens SET ciphertext = $3, number = number + 1, renew_at = now() + make_interval(secs => $4),
    fetching_by = NULL, fetching_until = NULL
WHERE account = $1 AND fetching_by = $2 RETURNING number
"""
# However many calls find out at once, it is one rest.
_REST = """
UPDATE access_tokens AS known SET rest_seconds = next.seconds, rests_until = now() + make_interval(secs => next.seconds)
FROM (SELECT account, CASE WHEN rests_until > now() - 2 * make_interval(secs => $4)
    THEN least(2 * rest_seconds, $4) ELSE $3 END AS seconds FROM access_tokens WHERE account = $1 FOR UPDATE) AS next
WHERE known.account = next.account AND known.number = $2
  AND (known.rests_until BETWEEN now() AND now() + make_interval(secs => $4)) IS NOT TRUE
"""
_LEFT = """
SELECT extract(epoch FROM rests_until - now())::float8 FROM access_tokens
WHERE account = $1 AND number <= $2 AND rests_until BETWEEN now() AND now() + make_interval(secs => $3)
"""
_FORGET = "UPDATE access_tokens SET ciphertext = NULL WHERE account = $1 AND number = $2"
_GIVE_UP = "UPDATE access_tokens SET fetching_by = NULL, fetching_until = NULL WHERE account = $1 AND fetching_by = $2"


class TokenRefused(Exception):
    """The provider refuses the access token, and has done nothing."""


@dataclass(frozen=True, slots=True)
class FetchedToken:
    """A token as the provider gave it, and for how long it is good."""

    token: str = field(repr=False)
    life_seconds: float


@dataclass(frozen=True, slots=True)
class _Token:
    """A token, and how many the account has had before."""

    token: str = field(repr=False)
    number: int


type Fetch = Callable[[], Awaitable[FetchedToken]]
"""Gets a new token from the provider, within `FETCH_SECONDS`. Raises `NotSent` or `Misconfigured`."""


class TokenSource(Protocol):
    """What a provider gets its access tokens from: `Tokens`, or a stand-in without a database."""

    async def ready(self, account: str, fetch: Fetch) -> None:
        """See `Tokens.ready`."""
        ...

    async def using[T](self, account: str, fetch: Fetch, call: Callable[[str], Awaitable[T]]) -> T:
        """See `Tokens.using`."""
        ...


class Tokens:
    """The access tokens of one provider. `account` is what names the account there, perhaps a secret: its SHA-256 is kept."""

    def __init__(self, provider: str, database: Database, key_ring: KeyRing) -> None:
        self._provider = provider
        self._database = database
        self._key_ring = key_ring
        self._recent = Recent[str, _Token](seconds=_KEPT_SECONDS, most=_MOST_KEPT)

    async def ready(self, account: str, fetch: Fetch) -> None:
        """Have a token at hand, fetched now if there is none: for `Provider.prepare`. Raises `NotSent` or `Misconfigured`."""
        await self._token(named(account), fetch, after=0)

    async def using[T](self, account: str, fetch: Fetch, call: Callable[[str], Awaitable[T]]) -> T:
        """What `call` returns with a token. If it raises `TokenRefused`, a new token is fetched, once.

        A token that somebody else has ended is so renewed at once, however often that happens. Where a new one is refused as
        well it is perhaps the call that is refused (Daraja answers so to an app without the product): then no process renews a
        refused token of this account for five seconds, and up to a minute the more often that happens, since each may end the
        one that other calls use. They go on with it.

        Raises `NotSent` when there is no token, or none that is not refused: the call has had no effect then. It is
        `NotReady` while the database is away, or when another process was to fetch the token.
        """
        name = named(account)
        used = await self._token(name, fetch, after=0)
        try:
            return await call(used.token)
        except TokenRefused:
            used = await self._token(name, fetch, after=used.number)
        try:
            return await call(used.token)
        except TokenRefused:
            await self._write(_REST, name, used.number, REST_SECONDS, LONGEST_REST_SECONDS)
            raise NotSent("two access tokens refused", retry_after_seconds=REST_SECONDS) from None

    async def _token(self, account: str, fetch: Fetch, *, after: int) -> _Token:
        """A token later than number `after`: kept here a moment, else found in the table, else fetched."""
        find = partial(self._find_or_fetch, account, fetch, after)
        return await self._recent.find(account, find, suits=lambda kept: kept.number > after)

    async def _find_or_fetch(self, account: str, fetch: Fetch, after: int) -> _Token:
        mine = ids.new("fetch")
        deadline = clock.since_boot() + 2 * FETCH_SECONDS
        while clock.since_boot() < deadline:
            if found := await self._find(account, after):
                return found
            if await self._write(_BEGIN, account, mine, FETCH_SECONDS, after, LONGEST_REST_SECONDS):
                return await self._fetch(account, fetch, mine)
            await self._require_no_rest(account, after)
            await asyncio.sleep(_LOOK_SECONDS)
        raise NotReady("no access token", retry_after_seconds=5)

    async def _find(self, account: str, after: int) -> _Token | None:
        with database_of(_DATABASE):
            row = await self._database.reads.fetchrow(_FIND, account, after)
        if row is None:
            return None
        try:
            return _Token(self._key_ring.open(row["ciphertext"], owner=_owner(account)).decode(), row["number"])
        except SecretUnreadable:  # sealed under a key that is gone
            await self._write(_FORGET, account, row["number"])
            return None

    async def _require_no_rest(self, account: str, after: int) -> None:
        """Raise `NotSent` while a refused token is not to be renewed."""
        with database_of(_DATABASE):
            left = await self._database.reads.fetchval(_LEFT, account, after, LONGEST_REST_SECONDS)
        if left is not None:
            raise NotSent("access token refused, as a new one was", retry_after_seconds=left)

    async def _fetch(self, account: str, fetch: Fetch, mine: str) -> _Token:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                fetched = await fetch()
        except TimeoutError:
            await self._give_up(account, mine)
            raise NotSent("no access token in time") from None
        except BaseException:
            await self._give_up(account, mine)
            raise
        TOKENS.labels(self._provider).inc()
        sealed = self._key_ring.seal(fetched.token.encode(), owner=_owner(account))
        life_seconds = min(fetched.life_seconds, _LONGEST_LIFE_SECONDS)
        stored = await self._write(_STORE, account, mine, sealed, life_seconds * 0.9)
        if not stored:  # so slow that another process has fetched a later one, which may have ended this one
            raise NotReady("access token overtaken")
        return _Token(fetched.token, stored[0]["number"])

    async def _give_up(self, account: str, mine: str) -> None:
        try:
            await self._write(_GIVE_UP, account, mine)
        except NotReady:  # why there is no token matters more, and the lease ends by itself
            log.warning("token fetch not given up", provider=self._provider)

    async def _write(self, statement: str, *args: object) -> Sequence[Row]:
        """As `Database.write`: nothing has been sent when it fails."""
        with database_of(_DATABASE):
            return await self._database.write(statement, *args)


def named(account: str) -> str:
    """The name of an account where it rests."""
    return hashlib.sha256(account.encode()).hexdigest()


def _owner(account: str) -> str:
    return f"access-token/{account}"
