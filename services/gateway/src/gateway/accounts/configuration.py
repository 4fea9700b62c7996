"""A merchant's configuration as a whole: a version counts its changes, and each change publishes all of it."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from pydantic import BaseModel
from sqlalchemy import bindparam, select

from gateway.edge.idempotency import Done, Owner, known, once
from gateway.edge.mutations import Mutation
from gateway.tables import MERCHANTS, PAYMENTS
from gateway.tables import PROVIDER_CREDENTIALS as CREDENTIALS
from gateway.tables import WEBHOOK_ENDPOINTS as ENDPOINTS
from malipo.contracts.commands import LatePayments, Mode
from malipo.contracts.config import Credential, Endpoint, MerchantConfigured
from malipo.contracts.topics import MERCHANT_CONFIG
from malipo.messaging.database import Database
from malipo.messaging.pool import Queries, Row, Statements
from malipo.messaging.queries import CompiledQuery
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.messaging.writes import Write

_NEXT_VERSION = "UPDATE merchants SET config_version = config_version + $2 WHERE id = $1"
FORGOTTEN_VERSIONS = 1000
"""More than a merchant's configuration has changes between the moment that is restored and the loss."""
_LOCK = "SELECT config_version FROM merchants WHERE id = $1 FOR UPDATE"
_ALL_CREDENTIALS = CompiledQuery(
    select(
        *(CREDENTIALS.c.id, CREDENTIALS.c.provider, CREDENTIALS.c.label),
        *(CREDENTIALS.c.mode, CREDENTIALS.c.ciphertext),
    )
    .where(CREDENTIALS.c.merchant_id == bindparam("merchant_id"))
    .order_by(CREDENTIALS.c.created_at, CREDENTIALS.c.id)
)
_ALL_ENDPOINTS = CompiledQuery(
    select(*(ENDPOINTS.c.id, ENDPOINTS.c.mode, ENDPOINTS.c.url, ENDPOINTS.c.secret_ciphertext, ENDPOINTS.c.event_types))
    .where(ENDPOINTS.c.merchant_id == bindparam("merchant_id"))
    .order_by(ENDPOINTS.c.id)
)
_OF_MERCHANT = """
m.config_version, now() AS read_at, coalesce(m.late_payments ->> asked.mode, 'keep') AS late_payments,
ARRAY(SELECT provider || '/' || label FROM provider_credentials c
      WHERE c.merchant_id = m.id AND c.mode = asked.mode ORDER BY 1) AS accounts
"""
_CURRENT = f"""
SELECT asked.*, {_OF_MERCHANT}
FROM unnest($1::text[], $2::text[]) AS asked (merchant_id, mode) JOIN merchants m ON m.id = asked.merchant_id
"""  # noqa: S608 - names of ours
_CURRENT_AND_KEYS = f"""
SELECT asked.*, route, fingerprint, resource_id, {_OF_MERCHANT}
FROM unnest($1::text[], $2::text[], $3::text[]) AS asked (merchant_id, mode, key)
JOIN merchants m ON m.id = asked.merchant_id LEFT JOIN idempotency_keys USING (merchant_id, mode, key)
"""  # noqa: S608 - names of ours

_ECHO_SECONDS = (10.0, 3600.0)
"""How long after a change it is sent once more: the first well within the time for which a charge waits for it."""
_ECHOES = """
INSERT INTO config_echoes (merchant_id, due_at)
SELECT $1, now() + make_interval(secs => after) FROM unnest($2::float8[]) AS after ON CONFLICT DO NOTHING
"""
_ECHO = Write(
    """INSERT INTO config_echoes (merchant_id, due_at)
SELECT id, now() FROM merchants WHERE id = ANY({arrays}) ON CONFLICT DO NOTHING""",
    (MERCHANTS.c.id,),
)
_ECHO_TO_PAYMENTS = Write(
    """INSERT INTO config_echoes (merchant_id, due_at)
SELECT DISTINCT merchant_id, now() FROM (SELECT id, merchant_id FROM payments UNION ALL SELECT id, merchant_id FROM payment_methods) AS p
WHERE id = ANY({arrays}) ON CONFLICT DO NOTHING""",
    (PAYMENTS.c.id,),
)
_ECHO_DUE = "SELECT EXISTS (SELECT FROM config_echoes WHERE due_at <= now())"
# The merchant's own row is locked, for of two replicas with two due rows of one merchant each would wait for the other's.
_CLAIM_ECHO = """
SELECT m.id FROM config_echoes AS e JOIN merchants AS m ON m.id = e.merchant_id
WHERE due_at <= now() ORDER BY due_at LIMIT 1 FOR UPDATE OF m SKIP LOCKED
"""
_ECHOED = "DELETE FROM config_echoes WHERE merchant_id = $1 AND due_at <= now()"


class Configuration(NamedTuple):
    """A merchant's configuration in one mode: its version, the accounts that have credentials, and its settings.

    `read_at` is the database's time.

    An account is its provider and its label, with a slash between.
    """

    version: int
    accounts: Sequence[str]
    read_at: datetime
    late_payments: LatePayments

    def has(self, provider: str, label: str) -> bool:
        """Whether there are credentials for this account."""
        return f"{provider}/{label}" in self.accounts


async def change(mutation: Mutation, body: BaseModel | None, act: Callable[[Statements], Awaitable[str]]) -> Done:
    """Change the client's configuration by `act`, which returns the id of what it changed, and publish all of it.

    Changes of a merchant's come one at a time, each with a version of its own. What `act` raises undoes everything.
    """
    merchant_id = mutation.client.merchant_id

    async def change_and_publish(unit: UnitOfWork) -> str:
        await advance(unit, merchant_id)
        changed = await act(unit.transaction)
        await publish(unit, merchant_id)
        return changed

    return await once(mutation.dependencies.database, mutation.request, body, change_and_publish)


async def advance(unit: UnitOfWork, merchant_id: str, by: int = 1) -> None:
    """Begin a change of the merchant's configuration, which no other change overtakes: `publish` it with the same unit."""
    await unit.transaction.execute(_NEXT_VERSION, merchant_id, by)


async def publish(unit: UnitOfWork, merchant_id: str) -> None:
    """Send the merchant's whole configuration at its current version, now and twice more; secrets as ciphertext only."""
    await _send(unit, merchant_id)
    await unit.transaction.execute(_ECHOES, merchant_id, _ECHO_SECONDS)


def echo(unit: UnitOfWork, merchant_ids: Iterable[str]) -> None:
    """Have the configurations of these merchants sent once more: a replica lacks them."""
    unit.put(_ECHO, [(merchant_id,) for merchant_id in sorted(merchant_ids)])


def echo_to_payments(unit: UnitOfWork, payment_ids: Iterable[str]) -> None:
    """The same for the merchants of these payments, and methods that are saved without one."""
    unit.put(_ECHO_TO_PAYMENTS, [(payment_id,) for payment_id in sorted(payment_ids)])


async def send_echo(database: Database) -> bool:
    """Send the configuration once more that has been due for longest; returns whether there was one.

    Replicas that have its version drop it.
    """
    if not await database.reads.fetchval(_ECHO_DUE):
        return False
    async with database.begin() as unit:
        merchant_id = await unit.transaction.fetchval(_CLAIM_ECHO)
        if merchant_id is not None:
            await unit.transaction.execute(_ECHOED, merchant_id)
            await _send(unit, merchant_id)
    return merchant_id is not None


async def _send(unit: UnitOfWork, merchant_id: str) -> None:
    version = await unit.transaction.fetchval(_LOCK, merchant_id)
    credentials = await unit.transaction.fetch(*_ALL_CREDENTIALS.of(merchant_id=merchant_id))
    endpoints = await unit.transaction.fetch(*_ALL_ENDPOINTS.of(merchant_id=merchant_id))
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
    return _configurations(await source.fetch(_CURRENT, *zip(*owners, strict=True)))


async def current_and_keys(
    source: Queries, keys: Collection[Owner]
) -> tuple[dict[tuple[str, Mode], Configuration], dict[Owner, Row]]:
    """The configurations of the owners of these idempotency keys, and the keys that are known, by one question."""
    rows = await source.fetch(_CURRENT_AND_KEYS, *zip(*keys, strict=True))
    return _configurations(rows), known(row for row in rows if row["route"] is not None)


def _configurations(rows: Iterable[Row]) -> dict[tuple[str, Mode], Configuration]:
    return {
        (row["merchant_id"], row["mode"]): Configuration(
            row["config_version"], row["accounts"], row["read_at"], row["late_payments"]
        )
        for row in rows
    }


def _endpoint(row: Row) -> Endpoint:
    columns = dict(row)
    return Endpoint(event_types=tuple(columns.pop("event_types")), **columns)
