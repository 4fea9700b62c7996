"""A real PostgreSQL, merchants' servers with scripted replies, and dispatchers without Kafka: batches are handed in."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from malipo import clock, ids
from malipo.contracts.config import Endpoint, MerchantConfigured, secret_owner
from malipo.contracts.events import Cause, PaymentTransitioned, PaymentView, PublicEvent
from malipo.contracts.message import Message, encode
from malipo.contracts.topics import MERCHANT_CONFIG, PAYMENT_EVENTS, Topic
from malipo.messaging.batch_consumer import BatchConsumer
from malipo.messaging.database import Database
from malipo.messaging.handover import Handover
from malipo.messaging.pool import create_pool
from malipo.messaging.runtime import sweep
from malipo.messaging.unit_of_work import MESSAGE_ID, UnitOfWork
from malipo.messaging.writes import Sends, arguments, statement
from malipo.platform.secrets import KeyRing
from testkit.waiting import until
from webhook_dispatcher import scheduler
from webhook_dispatcher.courier import Courier
from webhook_dispatcher.main import executor
from webhook_dispatcher.queue import Delivery
from webhook_dispatcher.recorder import DeliveryAttempt, Recorder
from webhook_dispatcher.result import ReceiverResponse
from webhook_dispatcher.sender import Sender
from webhook_dispatcher.subscriptions import subscriptions

KEY_RING = KeyRing({"k1": b"k" * 32})
SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()


@pytest.fixture
def database_url(new_database) -> str:
    """The URL of an empty database of the newest schema."""
    return new_database("webhook_dispatcher")


# ---- merchants' servers


@dataclass
class Hook:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def place(self) -> tuple[str, int]:
        return self.event["data"]["payment_id"], self.event["data"]["sequence"]


Reply = Callable[[Hook, asyncio.StreamWriter], Awaitable[None]]


def status(code: int, *headers: str, body: bytes = b"ok") -> Reply:
    async def reply(_hook: Hook, writer: asyncio.StreamWriter) -> None:
        head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {code} X", *headers, f"Content-Length: {len(body)}"))
        writer.write(head.encode() + b"\r\n" + body)
        await writer.drain()

    return reply


async def hang(_hook: Hook, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


@dataclass
class Receiver:
    """Answers each path by its `replies`: a list is used up one by one, its last entry stays."""

    url: str = ""
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    hooks: list[Hook] = field(default_factory=list)
    open: dict[str, int] = field(default_factory=dict)
    most_open: dict[str, int] = field(default_factory=dict)

    def on(self, path: str) -> list[Hook]:
        return [hook for hook in self.hooks if hook.path == path]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self._answer(await self._read(head, reader), writer)

    async def _read(self, head: bytes, reader: asyncio.StreamReader) -> Hook:
        request, *lines = head.decode().split("\r\n")[:-2]
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        hook = Hook(request.split()[1], headers, await reader.readexactly(int(headers["content-length"])))
        self.hooks.append(hook)
        return hook

    async def _answer(self, hook: Hook, writer: asyncio.StreamWriter) -> None:
        self.open[hook.path] = self.open.get(hook.path, 0) + 1
        self.most_open[hook.path] = max(self.most_open.get(hook.path, 0), self.open[hook.path])
        replies = self.replies.get(hook.path, [status(200)])
        try:
            await (replies.pop(0) if len(replies) > 1 else replies[0])(hook, writer)
        finally:
            self.open[hook.path] -= 1


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def listen() -> AsyncGenerator[Callable[..., Awaitable[int]]]:
    """Serves connections with a handler, on a free port; whatever still runs at the test's end is cut."""
    connections: set[asyncio.Task[Any]] = set()
    servers: list[asyncio.Server] = []

    async def start(handler: Handler, **options: Any) -> int:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connections.add(asyncio.current_task())
            with suppress(ConnectionError, asyncio.CancelledError):
                await handler(reader, writer)
            writer.transport.abort()

        servers.append(await asyncio.start_server(serve, "127.0.0.1", 0, **options))
        return servers[-1].sockets[0].getsockname()[1]

    yield start
    for server in servers:
        server.close()
    for connection in connections:
        connection.cancel()
    await asyncio.gather(*connections, return_exceptions=True)
    await asyncio.sleep(0)  # the transports close in the loop's next turn


@pytest.fixture
async def receiver(listen: Callable[..., Awaitable[int]]) -> Receiver:
    made = Receiver()
    made.url = f"http://127.0.0.1:{await listen(made.serve)}"
    return made


# ---- messages


def endpoint(merchant_id: str, url: str, **changes: Any) -> Endpoint:
    endpoint_id, mode = changes.pop("id", None) or ids.new("ep"), changes.pop("mode", "test")
    owner = secret_owner(merchant_id, mode, endpoint_id)
    sealed = changes.pop("key_ring", KEY_RING).seal(changes.pop("secret", SECRET).encode(), owner=owner)
    return Endpoint(id=endpoint_id, mode=mode, url=url, secret_ciphertext=sealed, **changes)


def transition(payment_id: str, sequence: int, **changes: Any) -> PaymentTransitioned:
    now = clock.now()
    view = PaymentView(
        id=payment_id, status="processing", amount=100, currency="EUR", amount_captured=0, amount_refunded=0,
        capture="automatic", method="card", created_at=now, updated_at=now,
    )  # fmt: skip
    public_event = PublicEvent(ids.new("evt"), changes.pop("type", "payment.processing"), sequence)
    base = PaymentTransitioned(
        payment_id=payment_id, merchant_id="mer_1", mode="test", step=sequence, from_state="initiated",
        to_state="processing", payment=view, config_version=1, occurred_at=now, public_event=public_event,
        cause=Cause(trigger="created", source="merchant", message_id="msg_1"),
    )  # fmt: skip
    return _replace(base, **changes)


def _replace(message: PaymentTransitioned, **changes: Any) -> PaymentTransitioned:
    fields = {name: getattr(message, name) for name in message.__struct_fields__}
    return PaymentTransitioned(**fields | changes)


def records(topic: Topic, messages: Sequence[Message]) -> list[ConsumerRecord]:
    return [
        ConsumerRecord(
            topic=topic.name, partition=0, offset=0, timestamp=0, timestamp_type=0, key=b"k", value=encode(message),
            checksum=None, serialized_key_size=0, serialized_value_size=0,
            headers=((MESSAGE_ID, ids.new("msg").encode()), ("client-ref", b"order-7")),
        )
        for message in messages
    ]  # fmt: skip


# ---- ends of attempts


def delivered(delivery: Delivery) -> DeliveryAttempt:
    return DeliveryAttempt(delivery, clock.now(), 1, ReceiverResponse(status=200), "delivered", None)


def failed(delivery: Delivery) -> DeliveryAttempt:
    return DeliveryAttempt(delivery, clock.now(), 1, ReceiverResponse(status=500), "exhausted", None)


# ---- dispatchers


class Dispatcher:
    """One replica: intake, executor and sweeps on a pool of its own."""

    def __init__(self, pool: Any, **options: Any) -> None:
        self.pool = pool
        self.database = Database()
        self.database.use(pool)
        self.sender = Sender(
            connections=options.get("limit", 100),
            attempt_seconds=options.get("attempt_seconds", 5),
            allow_loopback=options.get("allow_loopback", True),
        )
        self.overtake_after = options.get("overtake_after", 600)
        self.recorder = Recorder(self.database, self.overtake_after)
        self.courier = Courier(
            self.database, self.recorder, KEY_RING, self.sender, options.get("schedule", (0.05, 0.05, 0.05))
        )
        self.executor = executor(
            self.database,
            self.courier,
            limit=options.get("limit", 100),
            per_endpoint=options.get("per_endpoint", 10),
            lease_seconds=6,
        )
        events, config = subscriptions(self.executor.nudge)
        self._events = BatchConsumer(events, self.database, "webhook-dispatcher")
        self._config = BatchConsumer(config, self.database, "webhook-dispatcher")
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        loops = (
            self.executor.run(),
            sweep(self.database, 1, scheduler.end_gone),
            sweep(self.database, 1, partial(scheduler.overtake, after_seconds=self.overtake_after)),
        )
        self._tasks = [asyncio.create_task(loop) for loop in loops]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.sender.close()
        await self.pool.close()

    async def receive(self, *transitions: PaymentTransitioned) -> list[ConsumerRecord]:
        batch = records(PAYMENT_EVENTS, transitions)
        await self._events.consume(batch)
        return batch

    async def redeliver(self, batch: Sequence[ConsumerRecord]) -> None:
        await self._events.consume(batch)

    async def configure(self, version: int, *endpoints: Endpoint, merchant_id: str = "mer_1") -> None:
        message = MerchantConfigured(merchant_id=merchant_id, version=version, endpoints=endpoints)
        await self._config.consume(records(MERCHANT_CONFIG, [message]))

    async def rows(self, query: str, *arguments: object) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.pool.fetch(query, *arguments)]

    async def reports(self) -> list[dict[str, Any]]:
        rows = await self.rows("SELECT key, headers, payload FROM outbox ORDER BY id")
        return [json.loads(row["payload"]) | {"key": row["key"], "headers": row["headers"]} for row in rows]

    async def states(self) -> dict[str, int]:
        rows = await self.rows("SELECT state, count(*) AS n FROM deliveries GROUP BY state")
        return {row["state"]: row["n"] for row in rows}

    async def until_states(self, seconds: float = 15, **states: int) -> None:
        async def reached() -> bool:
            return await self.states() == states

        await until(reached, seconds=seconds, what=f"deliveries {states}")


@asynccontextmanager
async def written(dispatcher: Dispatcher, work: Callable[[UnitOfWork], Awaitable[None]]) -> AsyncGenerator[None]:
    """All that `work` does and puts has been written, and is committed when the block ends."""
    async with dispatcher.database.begin() as unit:
        await work(unit)
        if rows := unit.written():
            handed_over = any(write.sends is Sends.HANDED_OVER for write in rows)
            terms = Handover().terms().arguments if handed_over else ()
            await unit.transaction.fetch(statement(tuple(rows)), *terms, *arguments(rows))
            unit._rows.clear()
            unit._told = None
        yield


async def wait_for_locks(dispatcher: Dispatcher, sessions: int) -> bool:
    """Whether so many sessions of the dispatcher's database wait for what another has locked."""
    waiting = await dispatcher.rows(
        "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    return len(waiting) == sessions


async def in_turn(dispatcher: Dispatcher, lock: str, *acts: Callable[[], Awaitable[None]]) -> list[object]:
    """Have the acts wait, one behind the other, for what `lock` holds, and go on at once; returns what came of each."""
    going: list[asyncio.Future[None]] = []
    async with dispatcher.database.begin() as holding:
        await holding.transaction.execute(lock)
        for act in acts:
            going.append(asyncio.ensure_future(act()))
            waiting = partial(wait_for_locks, dispatcher, len(going))
            await until(waiting, what=f"{len(going)} of {len(acts)} wait for a lock")
    return await asyncio.gather(*going, return_exceptions=True)


@pytest.fixture
async def replica(database_url: str) -> AsyncGenerator[Callable[..., Awaitable[Dispatcher]]]:
    """Makes replicas on one database; all stop with the test."""
    made: list[Dispatcher] = []

    async def make(*, started: bool = True, **options: Any) -> Dispatcher:
        dispatcher = Dispatcher(await create_pool(database_url, 8), **options)
        made.append(dispatcher)
        if started:
            dispatcher.start()
        return dispatcher

    yield make
    await asyncio.gather(*(dispatcher.stop() for dispatcher in made))


# ---- the merchant's side of the signature, written from the specification


def verify(secret: str, headers: dict[str, str], body: bytes, *, now: int, tolerance_seconds: int = 300) -> bool:
    """Whether a strict receiver accepts this webhook. Never raises."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    encoded = secret.removeprefix("whsec_").rstrip("=")
    if not (message_id and encoded and timestamp.isascii() and timestamp.isdigit()):
        return False
    if abs(now - int(timestamp)) > tolerance_seconds:
        return False
    key = base64.b64decode(encoded + "=" * (-len(encoded) % 4))
    signed = f"{message_id}.{timestamp}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    given = headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(expected.encode(), signature.encode()) for signature in given)


@pytest.fixture
def kit() -> Any:
    """The builders above, for tests in files of their own."""

    class Kit:
        SECRET, KEY_RING = SECRET, KEY_RING
        endpoint, transition, status, hang = map(staticmethod, (endpoint, transition, status, hang))
        verify, written = map(staticmethod, (verify, written))
        wait_for_locks, in_turn = map(staticmethod, (wait_for_locks, in_turn))
        delivered, failed = map(staticmethod, (delivered, failed))

    return Kit
