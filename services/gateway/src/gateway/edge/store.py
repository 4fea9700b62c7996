"""Reads API keys, as authentication looks them up; `accounts` makes and revokes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from malipo.contracts.commands import Mode
from malipo.messaging.database import Queries

KEY_COLUMNS = """
id, merchant_id, mode, scopes, created_at, expires_at, coalesce(expires_at <= now(), false) AS expired, revoked_at, last_used_at
"""
"""Those of `ApiKey`."""

_FIND_KEY = f"SELECT {KEY_COLUMNS} FROM api_keys WHERE hash = $1"


@dataclass(frozen=True)
class ApiKey:
    """An API key without its secret. `expired` is by the database's clock.

    `last_used_at`, which the audit log keeps, is up to a minute old.
    """

    id: str
    merchant_id: str
    mode: Mode
    scopes: Sequence[str]
    created_at: datetime
    expires_at: datetime | None
    expired: bool
    revoked_at: datetime | None
    last_used_at: datetime | None


async def find_key(source: Queries, digest: bytes) -> ApiKey | None:
    """The key with this digest."""
    row = await source.fetchrow(_FIND_KEY, digest)
    return None if row is None else ApiKey(**row)
