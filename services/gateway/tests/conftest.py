"""Gateways on real stores, a merchant that calls them, and a stand-in for the orchestrator."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from aiokafka import ConsumerRecord

from gateway.accounts import store as accounts
from gateway.edge import authentication
from gateway.edge.dependencies import Dependencies
from gateway.main import build
from gateway.settings import Settings
from gateway.subscriptions import subscriptions
from malipo import clock, ids
from malipo.contracts.events import (
    Cause,
    CommandRefused,
    OperationView,
    PaymentTransitioned,
    PaymentView,
    PublicEvent,
)
from malipo.contracts.message import Message, encode
from malipo.contracts.topics import BY_NAME, PAYMENT_EVENTS, Topic
from malipo.messaging.batch_consumer import BatchConsumer
from malipo.messaging.pool import Pool, connected
from malipo.messaging.unit_of_work import MESSAGE_ID
from malipo.platform.client import http_client
from malipo.platform.logs import redact
from malipo.platform.tracing import TRACEPARENT
from testkit.owning import as_owner, owners
from testkit.service import KEY_RING, client_of
from testkit.waiting import until

sys.path.append(str(Path(__file__).parent))

TRACE = f"00-{'a' * 32}-{'b' * 16}-00"
NOWHERE = "127.0.0.1:1"
PAYMENT = {"amount": 1250, "currency": "USD", "method": {"type": "card", "token": "pm_card_visa"}}
CREDENTIALS = {"secret_key": "sk_test_51MalipoMalipoMalipo9f3a", "webhook_secrets": ["whsec_MalipoMalipoMalipo77c1"]}


@pytest.fixture(autouse=True, scope="session")
def _log_as_in_production() -> None:
    merge, render = structlog.contextvars.merge_contextvars, structlog.processors.JSONRenderer()
    structlog.configure(processors=[merge, structlog.processors.format_exc_info, redact, render])


@dataclass
class Merchant:
    """A merchant's own program: calls a gateway with its key."""

    client: Any
    id: str
    key: str
    key_id: str

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        named = {"X-API-Key": self.key} | {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.request(method, path, json=body, headers=named)

    async def get(self, path: str) -> httpx.Response:
        return await self.send("GET", path)

    async def pay(self, body: Any = PAYMENT, key: str | None = None, **headers: str) -> httpx.Response:
        headers = {"Idempotency_Key": key or ids.new("key"), "Prefer": "respond-async"} | headers
        return await self.send("POST", "/v1/payments", body, **headers)

    async def post(self, path: str, body: Any = None, key: str | None = None, **headers: str) -> httpx.Response:
        headers = {"Idempotency_Key": key or ids.new("key"), "Prefer": "respond-async"} | headers
        return await self.send("POST", path, body, **headers)

    def on(self, replica: "Replica") -> "Merchant":
        return Merchant(replica.client, self.id, self.key, self.key_id)


@dataclass
class Replica:
    """One gateway process, and what the orchestrator and the dispatcher send it."""

    app: Any
    client: Any
    admin: Any
    steps: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def dependencies(self) -> Dependencies:
        return self.app.state.dependencies

    @property
    def pool(self) -> Pool:
        return self.dependencies.database._require_pool()

    async def merchant(
        self, *, mode: str = "test", configured: bool = True, scopes: Any = authentication.SCOPES
    ) -> Merchant:
        async with self.dependencies.database.begin() as unit:
            merchant_id = await accounts.add_merchant(unit.transaction, "Shop")
        merchant = await self.key_of(merchant_id, mode=mode, scopes=scopes)
        if configured:
            secret_key = CREDENTIALS["secret_key"].replace("test", mode)
            put = await merchant.send(
                "PUT", "/v1/provider-credentials/stripe", CREDENTIALS | {"secret_key": secret_key}
            )
            assert put.status_code == 201, put.text
        return merchant

    async def key_of(
        self, merchant_id: str, *, mode: str = "test", scopes: Any = authentication.SCOPES, expires_days=None
    ) -> Merchant:
        key_id, key = authentication.new_key(mode)
        async with self.dependencies.database.begin() as unit:
            await accounts.add_key(
                unit.transaction,
                key_id,
                merchant_id,
                mode,
                digest=authentication.digest(key),
                scopes=list(scopes),
                expires_days=expires_days,
            )
        return Merchant(self.client, merchant_id, key, key_id)

    async def sent(self) -> list[Message]:
        rows = await self.pool.fetch("SELECT topic, payload FROM outbox ORDER BY id")
        return [BY_NAME[row["topic"]].decode(row["payload"]) for row in rows]

    @asynccontextmanager
    async def without(self, table: str) -> AsyncGenerator[None]:
        """An unforeseen fault: the table is not there."""
        url = self.dependencies.settings.database_url.get_secret_value()
        await as_owner(url, f"ALTER TABLE {table} RENAME TO elsewhere")
        try:
            yield
        finally:
            await as_owner(url, f"ALTER TABLE elsewhere RENAME TO {table}")

    async def count(self, table: str) -> int:
        return await self.pool.fetchval(f"SELECT count(*) FROM {table}")

    async def receive(self, *messages: Message, topic: Topic = PAYMENT_EVENTS, message_id: str | None = None) -> None:
        """Apply messages as one batch from Kafka; `message_id` is the last one's."""
        [subscription] = [one for one in subscriptions(self.dependencies.waiting) if topic in one.topics]
        *others, last = messages
        records = [*(record(topic, message) for message in others), record(topic, last, message_id)]
        await BatchConsumer(subscription, self.dependencies.database, "gateway").consume(records)

    def step(
        self, merchant: Merchant, payment: dict[str, Any], to: str = "completed", **changes: Any
    ) -> PaymentTransitioned:
        """The next step of a payment, as the orchestrator would publish it."""
        number = self.steps[payment["id"]] = self.steps.get(payment["id"], 0) + 1
        return step(merchant.id, payment, number, to, **changes)


def record(topic: Topic, message: Message, message_id: str | None = None) -> ConsumerRecord:
    return ConsumerRecord(
        topic=topic.name, partition=0, offset=0, timestamp=0, timestamp_type=0, key=b"k", value=encode(message),
        checksum=None, serialized_key_size=0, serialized_value_size=0,
        headers=((MESSAGE_ID, (message_id or ids.new("msg")).encode()), (TRACEPARENT, TRACE.encode())),
    )  # fmt: skip


def step(
    merchant_id: str,
    payment: dict[str, Any],
    number: int,
    to: str = "completed",
    *,
    event: str | None = None,
    operation: OperationView | None = None,
    mode: str = "test",
    **view: Any,
) -> PaymentTransitioned:
    now = clock.now()
    captured = payment["amount"] if to == "completed" else 0
    base = {"provider": "stripe", "method": "card", "amount_captured": captured, "amount_refunded": 0}
    shown = PaymentView(
        id=payment["id"], status=to, amount=payment["amount"], currency=payment["currency"],
        capture=payment["capture"], created_at=now, updated_at=now,
        client_ref=payment["client_ref"], **base | view,
    )  # fmt: skip
    return PaymentTransitioned(
        payment_id=payment["id"], merchant_id=merchant_id, mode=mode, step=number, from_state="processing", to_state=to,
        payment=shown, config_version=1, occurred_at=now, operation=operation,
        cause=Cause(trigger="succeeded", source="attempt", message_id="msg_1"),
        public_event=PublicEvent(ids.new("evt"), event, number) if event else None,
    )  # fmt: skip


def operation(shown: dict[str, Any], status: str = "completed", **changes: Any) -> OperationView:
    now = clock.now()
    base = {name: shown[name] for name in ("id", "payment_id", "kind", "amount", "currency", "reason")}
    return OperationView(**base | {"status": status, "created_at": now, "updated_at": now} | changes)


def refusal(merchant_id: str, shown: dict[str, Any], code: str) -> CommandRefused:
    return CommandRefused(
        payment_id=shown["payment_id"],
        merchant_id=merchant_id,
        operation_id=shown["id"],
        command_id="msg_1",
        code=code,
        detail="100 is left",
        occurred_at=clock.now(),
    )


@asynccontextmanager
async def running(**settings: Any) -> AsyncGenerator[Replica]:
    application = build(Settings(**{"key_ring": KEY_RING, "environment": "test", "allow_loopback": True} | settings))
    transport = httpx.ASGITransport(application.public, raise_app_exceptions=False)
    async with (
        application.running(),
        client_of(application.admin) as admin,
        http_client(timeout_seconds=30, transport=transport, base_url="http://gateway") as client,
    ):
        yield Replica(application.public, client, admin)


@pytest.fixture(scope="session")
def shared_database(stores) -> str:
    return stores.databases.make("gateway")


@pytest.fixture
async def database_url(shared_database: str) -> str:
    """A database without rows; emptying one takes a tenth of making one."""
    async with connected(owners(shared_database)) as connection:
        tables = await connection.fetchval(
            "SELECT string_agg(tablename, ',') FROM pg_tables "
            "WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
        )
        await connection.execute(f"TRUNCATE {tables} RESTART IDENTITY")
    return shared_database


@pytest.fixture
async def replica(stores, database_url) -> AsyncGenerator[Callable[..., Awaitable[Replica]]]:
    """Starts gateways on one database and one Redis, without Kafka unless asked; all stop with the test."""
    async with AsyncExitStack() as stack:

        async def start(**settings: Any) -> Replica:
            base = {"database_url": database_url, "redis_url": stores.redis_url, "kafka_bootstrap": NOWHERE}
            made = await stack.enter_async_context(running(**base | settings))
            if "database_url" not in settings:
                await until(lambda: made.dependencies.database._pool is not None, what="a pool")
            return made

        yield start


@pytest.fixture
async def gateway(replica) -> Replica:
    return await replica()


@pytest.fixture
async def merchant(gateway: Replica) -> Merchant:
    return await gateway.merchant()


@dataclass
class Line:
    """Connections to a store that can be cut, or left hanging, and mended; or forgotten, so that only new ones are carried."""

    is_cut: bool = False
    _flows: asyncio.Event = field(default_factory=asyncio.Event)
    _open: set[asyncio.StreamWriter] = field(default_factory=set[asyncio.StreamWriter])
    _forgotten: set[asyncio.StreamWriter] = field(default_factory=set[asyncio.StreamWriter])

    def cut(self) -> None:
        self.is_cut = True
        for writer in self._open:
            writer.close()

    def hang(self) -> None:
        self._flows.clear()

    def forget(self) -> None:
        """Swallow what comes on the connections that there are, as a load balancer that has lost its table; end none."""
        self._forgotten |= self._open

    def mend(self) -> None:
        self.is_cut = False
        self._flows.set()

    async def carry(self, host: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut:
            return writer.close()
        there, back = await asyncio.open_connection(host, port)
        self._open |= {writer, back}
        await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        self._open -= {writer, back}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._flows.wait()
                if writer not in self._forgotten:
                    writer.write(data)
                    await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


@pytest.fixture
async def line() -> AsyncGenerator[Callable[[str], Awaitable[tuple[str, Line]]]]:
    """Puts a `Line` before the store at a URL; returns the URL to use instead, and the line."""
    servers: list[asyncio.Server] = []

    async def draw(url: str) -> tuple[str, Line]:
        address = httpx.URL(url)
        made = Line()
        made.mend()
        server = await asyncio.start_server(lambda r, w: made.carry(address.host, address.port, r, w), "127.0.0.1", 0)
        servers.append(server)
        port = server.sockets[0].getsockname()[1]
        return str(address.copy_with(host="127.0.0.1", port=port)), made

    yield draw
    for server in servers:
        server.close()


@pytest.fixture
def make() -> Any:
    """The builders above, for tests in files of their own."""

    class Make:
        payment, credentials = PAYMENT, CREDENTIALS
        step, operation, refusal = map(staticmethod, (step, operation, refusal))

    return Make
