"""Authenticates clients: API keys, their scopes, and a cache so short that a revoked key is refused within a second."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from gateway.edge.api_keys import ApiKey, find_keys
from malipo import clock, ids
from malipo.contracts.commands import Mode
from malipo.messaging.database import Database
from malipo.messaging.group_commit import GroupCommit

Scope = Literal[
    "payments:read",
    "payments:write",
    "refunds:write",
    "webhooks:read",
    "webhooks:write",
    "credentials:read",
    "credentials:write",
    "events:read",
    "personal:erase",
    "settings:read",
    "settings:write",
]
SCOPES: tuple[Scope, ...] = get_args(Scope)

_CACHE_SECONDS = 0.4
_CACHE_KEYS = 10_000
_IN_USE_SECONDS = 5.0
_READ_AT_ONCE = 100
_MAX_KEY_CHARS = 200


@dataclass(frozen=True)
class MerchantClient:
    """A merchant, in one mode, by one key."""

    merchant_id: str
    mode: Mode
    key_id: str


@dataclass(frozen=True)
class Authentication:
    """Whether a request may go on: a `client`, or the problem's `code`. `key` is the key it named, if there is one."""

    key: ApiKey | None
    code: str | None
    client: MerchantClient | None = None


@dataclass
class _Kept:
    """A key, or that there is none: when that was asked, and when it was last used."""

    asked_at: float
    used_at: float
    key: ApiKey | None


def new_key(mode: Mode) -> tuple[str, str]:
    """A key's id, and the key itself, which is shown once and kept nowhere."""
    key_id = ids.new("key")
    return key_id, f"mk_{mode}_{key_id.removeprefix('key_')}_{ids.token()}"


def digest(key: str) -> bytes:
    """What is stored of a key. A plain hash is enough: 256 random bits cannot be guessed, so there is nothing for
    bcrypt to slow down but our own requests.
    """
    return hashlib.sha256(key.encode()).digest()


class Authenticator:
    """Authenticates keys. What was found, or not, is cached for less than half a second, for ten thousand keys at most.

    Keys in use are read together: who asks for one that was not read for so long has the others read with it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        """The one that was read longest ago is the first."""
        self._asked = GroupCommit[bytes, ApiKey | None](self._read, most=_READ_AT_ONCE)

    async def authenticate(self, key: str, scope: Scope) -> Authentication:
        """Whether the holder of `key` may do what needs `scope`."""
        if not key:
            return Authentication(None, "api_key_missing")
        known = await self._find(digest(key)) if len(key) <= _MAX_KEY_CHARS else None
        code = _refusal(known, scope)
        if known is None or code is not None:
            return Authentication(known, code)
        return Authentication(known, None, MerchantClient(known.merchant_id, known.mode, known.id))

    async def _find(self, key_digest: bytes) -> ApiKey | None:
        now = clock.monotonic()
        kept = self._kept.get(key_digest)
        if kept is None or now - kept.asked_at >= _CACHE_SECONDS:
            return await self._asked.add(key_digest)
        kept.used_at = now
        return kept.key

    async def _read(self, digests: Sequence[bytes]) -> Sequence[ApiKey | None]:
        asked_at = clock.monotonic()
        used = self._in_use(asked_at) | dict.fromkeys(digests, asked_at)
        found = await find_keys(self._database.reads, used)
        for one, used_at in used.items():
            self._kept[one] = _Kept(asked_at, used_at, found.get(one))
            self._kept.move_to_end(one)
        while len(self._kept) > _CACHE_KEYS:
            self._kept.popitem(last=False)
        return [found.get(one) for one in digests]

    def _in_use(self, now: float) -> dict[bytes, float]:
        """Keys that will have to be read soon, each with when it was last used. What is no key is forgotten instead, as is what
        was not used lately: whoever tries keys has none read again and again.
        """
        used: dict[bytes, float] = {}
        forgotten: list[bytes] = []
        for key_digest, kept in self._kept.items():
            if now - kept.asked_at < _CACHE_SECONDS / 2 or len(used) == _READ_AT_ONCE:
                break
            if kept.key is not None and now - kept.used_at < _IN_USE_SECONDS:
                used[key_digest] = kept.used_at
            else:
                forgotten.append(key_digest)
        for key_digest in forgotten:
            del self._kept[key_digest]
        return used


def _refusal(key: ApiKey | None, scope: Scope) -> str | None:
    if key is None:
        return "api_key_invalid"
    if key.revoked_at is not None:
        return "api_key_revoked"
    if key.expired:
        return "api_key_expired"
    return None if scope in key.scopes else "scope_missing"
