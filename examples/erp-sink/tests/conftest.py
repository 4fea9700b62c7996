"""A real PostgreSQL, the ERP's stand-in on a port of its own, and sinks without Kafka: batches are handed in."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any

import pytest
import uvicorn
from aiokafka import ConsumerRecord

from erp_sink.erp import Erp
from erp_sink.main import executor, subscription
from erp_sink.stand_in import Behaviour, Books, app
from malipo import clock, ids
from malipo.contracts.commands import Transfer
from malipo.contracts.events import Cause, PaymentTransitioned, PaymentView, PublicEvent
from malipo.contracts.message import Message, encode
from malipo.contracts.topics import PAYMENT_EVENTS
from malipo.messaging.batch_consumer import BatchConsumer
from malipo.messaging.database import Database
from malipo.messaging.pool import create_pool
from malipo.messaging.unit_of_work import MESSAGE_ID
from testkit.serving import serving
from testkit.waiting import until


def event(payment_id: str, sequence: int, kind: str = "payment.completed", **changes: Any) -> PaymentTransitioned:
    """A public event of a live payment of 10.00 EUR, captured whole; `status`, `captured` and `refunded` may differ.

    `transfer`: it went to a recipient.
    """
    now = clock.now()
    transfer = Transfer(rail="RTP", rail_chosen=True, execution_at=now, recipient={})
    view = PaymentView(
        id=payment_id, status=changes.pop("status", "completed"), amount=1000, currency="EUR", created_at=now,
        amount_captured=changes.pop("captured", 1000), amount_refunded=changes.pop("refunded", 0), updated_at=now,
        capture="automatic", method="card", client_ref="order-7",
        transfer=transfer if changes.pop("transfer", False) else None,
    )  # fmt: skip
    step: dict[str, Any] = {
        "payment_id": payment_id, "merchant_id": "mer_1", "mode": "live", "step": sequence, "from_state": "processing",
        "to_state": "completed", "payment": view, "config_version": 1, "occurred_at": now,
        "cause": Cause(trigger="succeeded", source="attempt", message_id="msg_1"),
        "public_event": PublicEvent(ids.new("evt"), kind, sequence),
    }  # fmt: skip
    return PaymentTransitioned(**step | changes)


def records(messages: Sequence[Message]) -> list[ConsumerRecord]:
    return [
        ConsumerRecord(
            topic=PAYMENT_EVENTS.name, partition=0, offset=0, timestamp=0, timestamp_type=0, key=b"k",
            value=encode(message), checksum=None, serialized_key_size=0, serialized_value_size=0,
            headers=((MESSAGE_ID, ids.new("msg").encode()),),
        )
        for message in messages
    ]  # fmt: skip


class TheErp(Books):
    """The stand-in, with where it is."""

    url = ""

    def behave(self, **behaviour: Any) -> None:
        self.behaviour = Behaviour(**behaviour)

    async def until_posted(self, count: int) -> None:
        await until(lambda: len(self.documents) >= count, what=f"{count} documents at the ERP")


@pytest.fixture
async def erp() -> AsyncGenerator[TheErp]:
    books = TheErp()
    async with serving(uvicorn.Server(uvicorn.Config(app(books), log_level="error", lifespan="off"))) as url:
        books.url = url
        yield books
        books.behave()


class Sink:
    """One replica on a pool of its own."""

    def __init__(self, pool: Any, url: str) -> None:
        self.pool = pool
        self.database = Database()
        self.database.use(pool)
        self.erp = Erp(self.database, url, timeout_seconds=2)
        self.posts = executor(self.database, self.erp, limit=4, lease_seconds=1)
        self._consumer = BatchConsumer(subscription("live", self.posts), self.database, "erp-sink")
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._running = asyncio.create_task(self.posts.run())

    async def consume(self, *messages: Message) -> list[ConsumerRecord]:
        batch = records(messages)
        await self._consumer.consume(batch)
        return batch

    async def redeliver(self, batch: Sequence[ConsumerRecord]) -> None:
        await self._consumer.consume(batch)

    async def rows(self, query: str) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.pool.fetch(query)]

    async def states(self) -> list[str]:
        return [row["state"] for row in await self.rows("SELECT state FROM documents ORDER BY number")]

    async def until_states(self, *states: str) -> None:
        async def reached() -> bool:
            return await self.states() == list(states)

        await until(reached, what=f"documents that are {states}")

    async def stop(self) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        await self.erp.close()
        await self.pool.close()


@pytest.fixture
async def replica(new_database, erp: TheErp) -> AsyncGenerator[Callable[..., Awaitable[Sink]]]:
    """Makes replicas on one database; all stop with the test."""
    made: list[Sink] = []
    database_url = new_database("erp_sink")

    async def make(*, started: bool = True, url: str = "") -> Sink:
        made.append(Sink(await create_pool(database_url, 6), url or erp.url))
        if started:
            made[-1].start()
        return made[-1]

    yield make
    await asyncio.gather(*(sink.stop() for sink in made))


@pytest.fixture
def an_event() -> Callable[..., PaymentTransitioned]:
    return event
