"""Reads and writes merchants, their API keys, and what they configure: credentials of providers and webhook endpoints."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Text, bindparam, or_, select

from gateway.accounts.views import StoredCredential, StoredEndpoint
from gateway.edge.api_keys import API_KEY, ApiKey
from gateway.tables import API_KEYS, MERCHANTS
from gateway.tables import PROVIDER_CREDENTIALS as CREDENTIALS
from gateway.tables import WEBHOOK_ENDPOINTS as ENDPOINTS
from malipo import ids
from malipo.contracts.accounts import AccountRegistered
from malipo.contracts.commands import LatePayments, Mode
from malipo.contracts.config import Credential, Endpoint
from malipo.messaging.pool import Queries, Row, Statements
from malipo.messaging.queries import CompiledQuery
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.messaging.writes import Write

_INSERT_MERCHANT = "INSERT INTO merchants (id, name) VALUES ($1, $2)"
_NAMED = "SELECT id FROM merchants WHERE name = $1 ORDER BY id"
_LIST_MERCHANTS = CompiledQuery(
    select(MERCHANTS.c.id, MERCHANTS.c.name, MERCHANTS.c.config_version, MERCHANTS.c.created_at).order_by(
        MERCHANTS.c.id
    )
)
_PUT_SETTINGS = (
    "UPDATE merchants SET late_payments = late_payments || jsonb_build_object($2::text, $3::text) WHERE id = $1"
)
_LATE_PAYMENTS = "SELECT coalesce(late_payments ->> $2, 'keep') FROM merchants WHERE id = $1"
_INSERT_KEY = """
INSERT INTO api_keys (id, merchant_id, mode, hash, scopes, expires_at)
VALUES ($1, $2, $3, $4, $5, now() + make_interval(days => $6)) RETURNING expires_at
"""
_REVOKE_KEY = "UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1 RETURNING id"
_LIST_KEYS = CompiledQuery(API_KEY.where(API_KEYS.c.merchant_id == bindparam("merchant_id")).order_by(API_KEYS.c.id))

_PUT_CREDENTIAL = """
INSERT INTO provider_credentials (id, merchant_id, mode, provider, label, ciphertext, masked)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (id) DO UPDATE SET ciphertext = excluded.ciphertext, masked = excluded.masked, updated_at = now()
"""
_PROVIDER = bindparam("provider", type_=Text)
_LIST_CREDENTIALS = CompiledQuery(
    select(
        *(CREDENTIALS.c.id, CREDENTIALS.c.provider, CREDENTIALS.c.label, CREDENTIALS.c.mode),
        *(CREDENTIALS.c.masked, CREDENTIALS.c.created_at, CREDENTIALS.c.updated_at, CREDENTIALS.c.registered),
    )
    .where(
        CREDENTIALS.c.merchant_id == bindparam("merchant_id"),
        CREDENTIALS.c.mode == bindparam("mode"),
        or_(_PROVIDER.is_(None), CREDENTIALS.c.provider == _PROVIDER),
    )
    .order_by(CREDENTIALS.c.provider, CREDENTIALS.c.created_at, CREDENTIALS.c.id)
)
_REGISTER = Write(
    """UPDATE provider_credentials AS c SET registered = new.registered
FROM (SELECT * FROM unnest({arrays})) AS new ({names})
WHERE (c.id, c.merchant_id) = (new.id, new.merchant_id) AND (c.registered IS NULL
  OR (c.registered ->> 'observed_at')::timestamptz < (new.registered ->> 'observed_at')::timestamptz)""",
    (CREDENTIALS.c.id, CREDENTIALS.c.merchant_id, CREDENTIALS.c.registered),
)
_DELETE_CREDENTIAL = """
DELETE FROM provider_credentials WHERE merchant_id = $1 AND mode = $2 AND provider = $3 AND label = $4 RETURNING id
"""

_INSERT_ENDPOINT = """
INSERT INTO webhook_endpoints (id, merchant_id, mode, url, event_types, description, secret_ciphertext)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
_ENDPOINT = bindparam("endpoint_id", type_=Text)
_OWN_ENDPOINTS = ENDPOINTS.c.merchant_id == bindparam("merchant_id"), ENDPOINTS.c.mode == bindparam("mode")
_LIST_ENDPOINTS = CompiledQuery(
    select(
        *(ENDPOINTS.c.id, ENDPOINTS.c.mode, ENDPOINTS.c.url),
        *(ENDPOINTS.c.event_types, ENDPOINTS.c.description, ENDPOINTS.c.created_at),
    )
    .where(*_OWN_ENDPOINTS, or_(_ENDPOINT.is_(None), ENDPOINTS.c.id == _ENDPOINT))
    .order_by(ENDPOINTS.c.id)
)
_ENDPOINT_SECRET = CompiledQuery(
    select(ENDPOINTS.c.secret_ciphertext).where(*_OWN_ENDPOINTS, ENDPOINTS.c.id == _ENDPOINT)
)
_DELETE_ENDPOINT = "DELETE FROM webhook_endpoints WHERE id = $1 AND merchant_id = $2 AND mode = $3 RETURNING id"


@dataclass(frozen=True)
class Merchant:
    """A business that takes payments through us."""

    id: str
    name: str
    config_version: int
    created_at: datetime


async def add_merchant(connection: Statements, name: str) -> str:
    """Make a merchant; returns its id."""
    merchant_id = ids.new("mer")
    await connection.execute(_INSERT_MERCHANT, merchant_id, name)
    return merchant_id


async def merchants_named(source: Queries, name: str) -> list[str]:
    """The ids of the merchants of this name, oldest first: names may repeat."""
    return [row["id"] for row in await source.fetch(_NAMED, name)]


async def list_merchants(source: Queries) -> list[Merchant]:
    """All merchants, oldest first."""
    return [Merchant(**row) for row in await source.fetch(*_LIST_MERCHANTS.of())]


async def put_settings(connection: Statements, merchant_id: str, mode: Mode, late_payments: LatePayments) -> None:
    """Replace the merchant's settings in this mode."""
    await connection.execute(_PUT_SETTINGS, merchant_id, mode, late_payments)


async def late_payments(source: Queries, merchant_id: str, mode: Mode) -> LatePayments:
    """What the merchant wants done with late payments in this mode."""
    return await source.fetchval(_LATE_PAYMENTS, merchant_id, mode)


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
    """Write a key by its digest; returns when it expires. Raises `asyncpg.ForeignKeyViolationError` for no merchant."""
    return await connection.fetchval(_INSERT_KEY, key_id, merchant_id, mode, digest, scopes, expires_days)


async def revoke_key(connection: Statements, key_id: str) -> bool:
    """Revoke a key for ever; returns whether there is such a key."""
    return await connection.fetchval(_REVOKE_KEY, key_id) is not None


async def list_keys(source: Queries, merchant_id: str) -> list[ApiKey]:
    """The merchant's keys, oldest first."""
    return [ApiKey(**row) for row in await source.fetch(*_LIST_KEYS.of(merchant_id=merchant_id))]


async def put_credential(
    connection: Statements, merchant_id: str, credential: Credential, masked: dict[str, Any]
) -> None:
    """Add a credential, or replace the one with its id."""
    await connection.execute(
        _PUT_CREDENTIAL,
        credential.id,
        merchant_id,
        credential.mode,
        credential.provider,
        credential.label,
        credential.ciphertext,
        masked,
    )


async def list_credentials(
    source: Queries, merchant_id: str, mode: Mode, provider: str | None = None
) -> list[StoredCredential]:
    """The merchant's credentials in this mode, by provider, the oldest account first."""
    rows = await source.fetch(*_LIST_CREDENTIALS.of(merchant_id=merchant_id, mode=mode, provider=provider))
    return [_credential(row) for row in rows]


def register(unit: UnitOfWork, registered: Iterable[AccountRegistered]) -> None:
    """Write down what is registered of these accounts, the latest of each; nothing of those that are no longer here."""
    latest = {one.credential_id: one for one in sorted(registered, key=lambda one: one.observed_at)}
    unit.put(
        _REGISTER,
        [(one.credential_id, one.merchant_id, msgspec.to_builtins(one)) for _, one in sorted(latest.items())],
    )


async def delete_credential(connection: Statements, merchant_id: str, mode: Mode, provider: str, label: str) -> bool:
    """Delete a credential; returns whether there was one."""
    return await connection.fetchval(_DELETE_CREDENTIAL, merchant_id, mode, provider, label) is not None


async def add_endpoint(connection: Statements, merchant_id: str, endpoint: Endpoint, description: str | None) -> None:
    """Add a webhook endpoint."""
    await connection.execute(
        _INSERT_ENDPOINT,
        endpoint.id,
        merchant_id,
        endpoint.mode,
        endpoint.url,
        list(endpoint.event_types),
        description,
        endpoint.secret_ciphertext,
    )


async def list_endpoints(
    source: Queries, merchant_id: str, mode: Mode, endpoint_id: str | None = None
) -> list[StoredEndpoint]:
    """The merchant's endpoints in this mode, oldest first, or the one with this id."""
    rows = await source.fetch(*_LIST_ENDPOINTS.of(merchant_id=merchant_id, mode=mode, endpoint_id=endpoint_id))
    return [StoredEndpoint(**row) for row in rows]


async def endpoint_secret(source: Queries, endpoint_id: str, merchant_id: str, mode: Mode) -> str | None:
    """The endpoint's secret as ciphertext."""
    asked = {"endpoint_id": endpoint_id, "merchant_id": merchant_id, "mode": mode}
    return await source.fetchval(*_ENDPOINT_SECRET.of(**asked))


async def delete_endpoint(connection: Statements, endpoint_id: str, merchant_id: str, mode: Mode) -> bool:
    """Delete an endpoint; returns whether there was one."""
    return await connection.fetchval(_DELETE_ENDPOINT, endpoint_id, merchant_id, mode) is not None


def _credential(row: Row) -> StoredCredential:
    columns = dict(row)
    registered = columns.pop("registered")
    return StoredCredential(registered=registered and msgspec.convert(registered, AccountRegistered), **columns)
