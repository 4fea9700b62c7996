"""The public keys by which partner banks sign webhooks (JWS): read from their key sets, kept, and read again for a new one."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from malipo import clock
from malipo.platform.logs import log
from provider_bank.jws import PublicKey, key_of
from provider_bank.objects import KEY_SETS
from provider_kit.errors import BadSignature, NotSent

KEPT_SECONDS = 3600.0
"""A key that the bank shows no longer is believed for no longer than this."""
AGAIN_SECONDS = 60.0
"""Whoever signs with keys that nobody knows has a partner's key set read no oftener than this."""
_AWAY_SECONDS = 5.0  # until a partner that could not be asked is asked again: the bank sends its webhook again
_MOST_KEYS = 100

type Fetch = Callable[[str], Awaitable[bytes]]
"""Reads the key set of the partner of this name. Raises `NotSent` or `Misconfigured`."""


@dataclass(frozen=True, slots=True)
class _KeySet:
    """Keys by their ids, read at `read_at`; `away` says why they could not be read when they were last asked for."""

    keys: Mapping[str, PublicKey]
    read_at: float
    rests_until: float
    away: str = ""

    def key(self, kid: str, now: float) -> PublicKey | None:
        return self.keys.get(kid) if now - self.read_at < KEPT_SECONDS else None


class Keys:
    """The keys of all partners. Never to be asked within a unit of work: it may have to fetch them."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._sets: dict[str, _KeySet] = {}  # of as many partners as the operator has set up
        self._turns: dict[str, asyncio.Lock] = {}

    async def find(self, partner: str, kid: str) -> PublicKey:
        """The key of this id. Raises `BadSignature` if the bank shows none, and `NotSent` while it cannot be asked."""
        if (key := self._known(partner, kid)) is not None:
            return key
        async with self._turns.setdefault(partner, asyncio.Lock()):
            if (key := self._known(partner, kid)) is not None:
                return key
            known = self._sets.get(partner)
            if known is None or clock.monotonic() >= known.rests_until:
                known = self._sets[partner] = await self._read(partner, known)
        key = known.key(kid, clock.monotonic())
        if key is None:
            raise NotSent(known.away) if known.away else BadSignature("signed with a key that the bank does not show")
        return key

    def _known(self, partner: str, kid: str) -> PublicKey | None:
        known = self._sets.get(partner)
        return None if known is None else known.key(kid, clock.monotonic())

    async def _read(self, partner: str, known: _KeySet | None) -> _KeySet:
        began = clock.monotonic()
        try:
            found = KEY_SETS.decode(await self._fetch(partner)).keys
        except (NotSent, ValueError) as error:
            log.warning("keys of a partner bank cannot be read", partner=partner, error=type(error).__name__)
            rests_until = clock.monotonic() + _AWAY_SECONDS
            away = "the bank does not show the keys that it signs with"
            return _KeySet(known.keys if known else {}, known.read_at if known else 0.0, rests_until, away)
        keys = dict(filter(None, map(key_of, found[:_MOST_KEYS])))
        return _KeySet(keys, began, began + AGAIN_SECONDS)
