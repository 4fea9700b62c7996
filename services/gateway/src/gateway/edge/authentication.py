"""Authenticates clients: API keys, their scopes, and a cache so short that a revoked key is refused within a second."""

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

from gateway.edge.api_keys import ApiKey, find_key
from malipo import ids
from malipo.contracts.commands import Mode
from malipo.messaging.database import Database
from malipo.platform.recent import Recent

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
    """Authenticates keys. What was found, or not, is cached for less than half a second, for ten thousand keys at most."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._recent = Recent[bytes, ApiKey | None](seconds=_CACHE_SECONDS, most=_CACHE_KEYS)

    async def authenticate(self, key: str | None, scope: Scope) -> Authentication:
        """Whether the holder of `key` may do what needs `scope`."""
        if not key:
            return Authentication(None, "api_key_missing")
        known = await self._find(digest(key)) if len(key) <= _MAX_KEY_CHARS else None
        code = _refusal(known, scope)
        if known is None or code is not None:
            return Authentication(known, code)
        return Authentication(known, None, MerchantClient(known.merchant_id, known.mode, known.id))

    async def _find(self, key_digest: bytes) -> ApiKey | None:
        read = partial(find_key, self._database.reads, key_digest)
        return await self._recent.find(key_digest, read, suits=lambda _: True)


def _refusal(key: ApiKey | None, scope: Scope) -> str | None:
    if key is None:
        return "api_key_invalid"
    if key.revoked_at is not None:
        return "api_key_revoked"
    if key.expired:
        return "api_key_expired"
    return None if scope in key.scopes else "scope_missing"
