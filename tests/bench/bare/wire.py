"""What the four bare services share: settings, topics, a producer, batch subscribers."""

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from itertools import chain
from typing import Any

from aiokafka import AIOKafkaProducer, ConsumerRecord
from faststream.kafka import KafkaBroker, KafkaMessage
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from malipo import clock
from malipo.contracts.message import Message, encode
from malipo.contracts.topics import BY_NAME, Topic

PREFIX = "bare."
_MAX_RECORDS = 500  # as Malipo's own consumers have it
_POLL_MS = 1000

Record = ConsumerRecord[bytes | None, bytes | None]
Handle = Callable[[Message], Awaitable[None]]


class Wire:
    """One service's connection to Kafka. FastStream's defaults: offsets are committed at intervals, whatever happens."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._bootstrap = os.environ["KAFKA_BOOTSTRAP"]
        self._broker = KafkaBroker(self._bootstrap, allow_auto_create_topics=False, logger=None, apply_types=False)
        self._producer: AIOKafkaProducer | None = None

    def on(self, group: str, topics: Sequence[Topic], handle: Handle, *, pace_seconds: float) -> None:
        """Hand each message of `topics` to `handle`, in order, a batch at a time at the pace of Malipo's subscription to them."""

        async def consume(records: Sequence[Record]) -> None:
            next_at = clock.monotonic() + pace_seconds
            for record in records:
                await handle(BY_NAME[record.topic.removeprefix(PREFIX)].decode(record.value or b""))
            await asyncio.sleep(max(0.0, next_at - clock.monotonic()))

        subscriber = self._broker.subscriber(
            *(PREFIX + topic.name for topic in topics),
            batch=True,
            group_id=f"{PREFIX}{self._service}.{group}",
            auto_offset_reset="earliest",
            max_records=_MAX_RECORDS,
            decoder=_records,
        )
        subscriber.get_msg = _next_batch  # the poll is not what is compared
        subscriber(consume)

    async def send(self, topic: Topic, key: str, message: Message) -> Awaitable[object]:
        """Hand `message` to the producer; await the result to know that Kafka has it.

        Without that, everything of a batch is sent at once: the producer's own task runs when that of the batch waits.
        """
        assert self._producer is not None
        return await self._producer.send(PREFIX + topic.name, encode(message), key=key.encode())  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]

    @asynccontextmanager
    async def running(self, _: ASGIApp) -> AsyncGenerator[None]:
        """Connected while the block lasts: a lifespan."""
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap, enable_idempotence=True, max_batch_size=256 * 1024
        )
        await self._producer.start()
        await self._broker.start()
        try:
            yield
        finally:
            await self._broker.stop()
            await self._producer.stop()


class Tasks:
    """What runs beside the consumer: at most `limit` tasks at once."""

    def __init__(self, limit: int) -> None:
        self._free = asyncio.Semaphore(limit)
        self._running = set[asyncio.Task[None]]()

    async def add(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin `work` as soon as there is room."""
        await self._free.acquire()
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._free.release()


async def _next_batch(consumer: Any) -> tuple[Record, ...]:
    batches = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_MAX_RECORDS)
    return tuple(chain.from_iterable(batches.values()))


async def _records(message: KafkaMessage) -> object:
    return message.raw_message


async def alive(_: Request) -> JSONResponse:
    """The page that shows that the service runs."""
    return JSONResponse({"status": "alive"})
