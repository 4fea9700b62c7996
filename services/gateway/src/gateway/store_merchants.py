"""Reads and writes merchants and their API keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from malipo import ids
from malipo.contracts.commands import Mode
from malipo.messaging.database import Queries, Statements

_INSERT_MERCHANT = "INSERT INTO merchants (id, name) VALUES ($1, $2)"
_LIST_MERCHANTS = "SELECT id, name, config_version, created_at FROM merchants ORDER BY id"
_INSERT_KEY = """
INSERT INTO api_keys (id, merchant_id, mode, hash, scopes, expires_at)
VALUES ($1, $2, $3, $4, $5, now() + make_interval(days => $6)) RETURNING expires_at
"""
_REVOKE_KEY = "UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1 RETURNING id"
_COLUMNS = """
id, merchant_id, mode, scopes, created_at, expires_at, coalesce(expires_at <= now(), false) AS expired, revoked_at, last_used_at
"""
_LIST_KEYS = f"SELECT {_COLUMNS} FROM api_keys WHERE merchant_id = $1 ORDER BY id"
_FIND_KEY = f"SELECT {_COLUMNS} FROM api_keys WHERE hash = $1"


@dataclass(frozen=True)
class Merchant:
    """A business that takes payments through us."""

    id: str
    name: str
    config_version: int
    created_at: datetime


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


async def add_merchant(connection: Statements, name: str) -> str:
    """Make a merchant; answers its id."""
    merchant_id = ids.new("mer")
    await connection.execute(_INSERT_MERCHANT, merchant_id, name)
    return merchant_id


async def list_merchants(source: Queries) -> list[Merchant]:
    """All merchants, oldest first."""
    return [Merchant(**row) for row in await source.fetch(_LIST_MERCHANTS)]


async def add_key(
    connection: Statements,
    key_id: str,
    merchant_id: str,
    mode: Mode,
    *,
    digest: bytes,
    scopes: Sequence[str],
    expires_days: int | None,
) -> datetime | None:
    """Write a key by its digest; answers when it expires. Raises `asyncpg.ForeignKeyViolationError` for no merchant."""
    return await connection.fetchval(_INSERT_KEY, key_id, merchant_id, mode, digest, scopes, expires_days)


async def revoke_key(connection: Statements, key_id: str) -> bool:
    """Revoke a key for ever; answers whether there is such a key."""
    return await connection.fetchval(_REVOKE_KEY, key_id) is not None


async def list_keys(source: Queries, merchant_id: str) -> list[ApiKey]:
    """The merchant's keys, oldest first."""
    return [ApiKey(**row) for row in await source.fetch(_LIST_KEYS, merchant_id)]


async def find_key(source: Queries, digest: bytes) -> ApiKey | None:
    """The key with this digest."""
    row = await source.fetchrow(_FIND_KEY, digest)
    return None if row is None else ApiKey(**row)
