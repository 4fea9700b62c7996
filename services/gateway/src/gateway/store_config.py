"""Reads and writes what merchants configure, and tells the other services the whole of it at each change."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from malipo.contracts.commands import Mode
from malipo.contracts.config import Credential, Endpoint, MerchantConfigured
from malipo.contracts.topics import MERCHANT_CONFIG
from malipo.messaging.database import Queries, Row, Statements
from malipo.messaging.unit import Unit, Units
from malipo.messaging.writes import Write

_NEXT_VERSION = "UPDATE merchants SET config_version = config_version + 1 WHERE id = $1"
_LOCK = "SELECT config_version FROM merchants WHERE id = $1 FOR UPDATE"
_ALL_CREDENTIALS = "SELECT id, provider, mode, ciphertext FROM provider_credentials WHERE merchant_id = $1 ORDER BY id"
_ALL_ENDPOINTS = """
SELECT id, mode, url, secret_ciphertext, event_types FROM webhook_endpoints WHERE merchant_id = $1 ORDER BY id
"""
_CURRENT = """
SELECT id, mode, config_version, now() AS read_at,
       ARRAY(SELECT provider FROM provider_credentials c WHERE c.merchant_id = m.id AND c.mode = asked.mode) AS providers
FROM merchants m JOIN unnest($1::text[], $2::text[]) AS asked (id, mode) USING (id)
"""

_ECHO_SECONDS = (10.0, 3600.0)
"""So long after a change it is sent once more: the first well within the time for which a charge waits for it."""
_ECHOES = """
INSERT INTO config_echoes (merchant_id, due_at)
SELECT $1, now() + make_interval(secs => after) FROM unnest($2::float8[]) AS after ON CONFLICT DO NOTHING
"""
_ECHO = Write(
    """INSERT INTO config_echoes (merchant_id, due_at)
SELECT id, now() FROM merchants WHERE id = ANY({arrays}) ON CONFLICT DO NOTHING""",
    {"merchant_id": "text"},
)
_ECHO_TO_PAYMENTS = Write(
    """INSERT INTO config_echoes (merchant_id, due_at)
SELECT DISTINCT merchant_id, now() FROM payments WHERE id = ANY({arrays}) ON CONFLICT DO NOTHING""",
    {"payment_id": "text"},
)
_ECHO_DUE = "SELECT EXISTS (SELECT FROM config_echoes WHERE due_at <= now())"
# The merchant's own row is locked, for of two replicas with two due rows of one merchant each would wait for the other's.
_TAKE_ECHO = """
SELECT m.id FROM config_echoes AS e JOIN merchants AS m ON m.id = e.merchant_id
WHERE due_at <= now() ORDER BY due_at LIMIT 1 FOR UPDATE OF m SKIP LOCKED
"""
_ECHOED = "DELETE FROM config_echoes WHERE merchant_id = $1 AND due_at <= now()"

_CREDENTIAL_COLUMNS = "id, provider, mode, masked, created_at, updated_at"
_PUT_CREDENTIAL = """
INSERT INTO provider_credentials (id, merchant_id, mode, provider, ciphertext, masked) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (id) DO UPDATE SET ciphertext = excluded.ciphertext, masked = excluded.masked, updated_at = now()
"""
_LIST_CREDENTIALS = f"""
SELECT {_CREDENTIAL_COLUMNS} FROM provider_credentials
WHERE merchant_id = $1 AND mode = $2 AND ($3::text IS NULL OR provider = $3) ORDER BY provider
"""
_DELETE_CREDENTIAL = """
DELETE FROM provider_credentials WHERE merchant_id = $1 AND mode = $2 AND provider = $3 RETURNING id
"""

_ENDPOINT_COLUMNS = "id, mode, url, event_types, description, created_at"
_INSERT_ENDPOINT = """
INSERT INTO webhook_endpoints (id, merchant_id, mode, url, event_types, description, secret_ciphertext)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
_LIST_ENDPOINTS = f"""
SELECT {_ENDPOINT_COLUMNS} FROM webhook_endpoints
WHERE merchant_id = $1 AND mode = $2 AND ($3::text IS NULL OR id = $3) ORDER BY id
"""
_ENDPOINT_SECRET = "SELECT secret_ciphertext FROM webhook_endpoints WHERE id = $1 AND merchant_id = $2 AND mode = $3"  # noqa: S105
_DELETE_ENDPOINT = "DELETE FROM webhook_endpoints WHERE id = $1 AND merchant_id = $2 AND mode = $3 RETURNING id"


@dataclass(frozen=True)
class StoredCredential:
    """A credential as it may be shown: `masked` is what is left of its secrets."""

    id: str
    provider: str
    mode: Mode
    masked: dict[str, Any]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class StoredEndpoint:
    """A webhook endpoint without its secret."""

    id: str
    mode: Mode
    url: str
    event_types: Sequence[str]
    description: str | None
    created_at: datetime


class Configuration(NamedTuple):
    """A merchant's configuration: its version, and the providers that have credentials in one mode, at the database's time."""

    version: int
    providers: Sequence[str]
    read_at: datetime


async def change(unit: Unit, merchant_id: str) -> None:
    """Begin a change of the merchant's configuration: one at a time, each with a version of its own."""
    await unit.transaction.execute(_NEXT_VERSION, merchant_id)


async def publish(unit: Unit, merchant_id: str) -> None:
    """Send the merchant's whole configuration at its current version, now and twice more; secrets as ciphertext only."""
    await _send(unit, merchant_id)
    await unit.transaction.execute(_ECHOES, merchant_id, _ECHO_SECONDS)


def echo(unit: Unit, merchant_ids: Iterable[str]) -> None:
    """Have the configurations of these merchants sent once more: somebody lacks them."""
    unit.put(_ECHO, [(merchant_id,) for merchant_id in sorted(merchant_ids)])


def echo_to_payments(unit: Unit, payment_ids: Iterable[str]) -> None:
    """The same for the merchants of these payments."""
    unit.put(_ECHO_TO_PAYMENTS, [(payment_id,) for payment_id in sorted(payment_ids)])


async def send_echo(units: Units) -> bool:
    """Send the configuration once more that has been due for longest; answers whether there was one.

    Harmless to who has it: it is the whole, by its version.
    """
    if not await units.reads.fetchval(_ECHO_DUE):
        return False
    async with units.begin() as unit:
        merchant_id = await unit.transaction.fetchval(_TAKE_ECHO)
        if merchant_id is not None:
            await unit.transaction.execute(_ECHOED, merchant_id)
            await _send(unit, merchant_id)
    return merchant_id is not None


async def _send(unit: Unit, merchant_id: str) -> None:
    version = await unit.transaction.fetchval(_LOCK, merchant_id)
    credentials = await unit.transaction.fetch(_ALL_CREDENTIALS, merchant_id)
    endpoints = await unit.transaction.fetch(_ALL_ENDPOINTS, merchant_id)
    message = MerchantConfigured(
        merchant_id=merchant_id,
        version=version,
        credentials=tuple(Credential(**row) for row in credentials),
        endpoints=tuple(_endpoint(row) for row in endpoints),
    )
    unit.send(MERCHANT_CONFIG, merchant_id, message)


async def current(source: Queries, owners: Collection[tuple[str, Mode]]) -> dict[tuple[str, Mode], Configuration]:
    """The configurations of these merchants in these modes."""
    if not owners:
        return {}
    rows = await source.fetch(_CURRENT, *zip(*owners, strict=True))
    return {
        (row["id"], row["mode"]): Configuration(row["config_version"], row["providers"], row["read_at"]) for row in rows
    }


def _endpoint(row: Row) -> Endpoint:
    columns = dict(row)
    return Endpoint(event_types=tuple(columns.pop("event_types")), **columns)


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
        credential.ciphertext,
        masked,
    )


async def list_credentials(
    source: Queries, merchant_id: str, mode: Mode, provider: str | None = None
) -> list[StoredCredential]:
    """The merchant's credentials in this mode, by provider; at most one a provider."""
    rows = await source.fetch(_LIST_CREDENTIALS, merchant_id, mode, provider)
    return [StoredCredential(**row) for row in rows]


async def delete_credential(connection: Statements, merchant_id: str, mode: Mode, provider: str) -> str | None:
    """Delete a credential; answers its id if there was one."""
    return await connection.fetchval(_DELETE_CREDENTIAL, merchant_id, mode, provider)


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
    rows = await source.fetch(_LIST_ENDPOINTS, merchant_id, mode, endpoint_id)
    return [StoredEndpoint(**row) for row in rows]


async def endpoint_secret(source: Queries, endpoint_id: str, merchant_id: str, mode: Mode) -> str | None:
    """The endpoint's secret as ciphertext."""
    return await source.fetchval(_ENDPOINT_SECRET, endpoint_id, merchant_id, mode)


async def delete_endpoint(connection: Statements, endpoint_id: str, merchant_id: str, mode: Mode) -> bool:
    """Delete an endpoint; answers whether there was one."""
    return await connection.fetchval(_DELETE_ENDPOINT, endpoint_id, merchant_id, mode) is not None
