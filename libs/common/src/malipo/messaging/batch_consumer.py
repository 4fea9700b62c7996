"""Applies the batches of one subscription, each in one unit of work, and isolates what cannot be applied."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import asyncpg
from aiokafka import TopicPartition
from msgspec import MsgspecError

from malipo.contracts.message import Message
from malipo.contracts.topics import BY_NAME, DEAD_LETTER_SUFFIX
from malipo.messaging.database import Database
from malipo.messaging.isolation import isolated
from malipo.messaging.pool import AWAY
from malipo.messaging.records import Record, facts, headers_of, message_id_of, position_of, read, storable, summary
from malipo.messaging.subscription import Received, Subscription
from malipo.messaging.unit_of_work import MAX_PAYLOAD_BYTES, MESSAGE_ID, UnitOfWork
from malipo.platform import metrics, tracing
from malipo.platform.logs import log

_STEPPED_OVER = """
SELECT next_offset FROM stepped_over
WHERE consumer = $1 AND topic = $2 AND partition = $3 AND first_offset <= $4 AND next_offset > $4
"""
_MAX_HEADERS = 50
_MAX_NAME_CHARS = 60


class Stop(NamedTuple):
    """Where a partition cannot be consumed any further by this release, and why."""

    offset: int
    reason: str


class DatabaseAway(Exception):
    """The batch could not be tried: give it back to Kafka and come again."""


class BatchConsumer:
    """Applies the batches of one subscription.

    One batch is one unit: inbox, the handler's state, outbox. A redelivered message is dropped by the inbox.
    When it fails because of a message, each is tried alone, and one that fails alone goes to its topic's dead letters
    with the reason, while its neighbours go on. When it fails because of the database, the batch is given back.
    A message of a type that this release does not know, or that begins a payment with such a method, is a newer producer's:
    its partition stops there, for the release that knows it.
    """

    def __init__(self, subscription: Subscription, database: Database, service: str) -> None:
        self._subscription = subscription
        self._database = database
        self.consumer = f"{service}.{subscription.name}"

    async def consume(self, records: Sequence[Record]) -> Mapping[TopicPartition, Stop]:
        """Apply a batch; returns when all of it is committed, but for what stands behind the stops that it answers.

        Raises `DatabaseAway`.
        """
        try:
            with metrics.BATCH_SECONDS.labels(self._subscription.name).time():
                return await self._consume(records)
        except (*AWAY, asyncpg.PostgresError) as error:
            raise DatabaseAway(summary(error)) from error

    async def stepped_over(self, partition: TopicPartition, offset: int) -> int | None:
        """Where to go on when an operator has stepped over what stands at `offset`, else None; also when nobody knows."""
        try:
            return await self._database.reads.fetchval(_STEPPED_OVER, self.consumer, *partition, offset)
        except (*AWAY, asyncpg.PostgresError) as error:
            log.warning("database away", error=summary(error))
            return None

    async def _consume(self, records: Sequence[Record]) -> Mapping[TopicPartition, Stop]:
        wanted: list[tuple[Record, Received[Message]]] = []
        stops: dict[TopicPartition, Stop] = {}
        for record in records:
            partition = TopicPartition(record.topic, record.partition)
            if partition in stops:
                continue
            try:
                received = read(record)
            except (MsgspecError, UnicodeDecodeError, ValueError) as error:
                stop = await self._stop_at(partition, record)
                if stop is None:
                    await self._dead_letter(record, error)
                else:
                    stops[partition] = stop
                continue
            if self._subscription.wants(received.message):
                wanted.append((record, received))
            else:
                metrics.MESSAGES.labels(received.topic, "ignored").inc()
        if wanted:
            with tracing.batch(f"consume {self._subscription.name}", [received.headers for _, received in wanted]):
                await self._apply(wanted)
        return stops

    async def _stop_at(self, partition: TopicPartition, record: Record) -> Stop | None:
        """Whether to stop at a record that could not be read. One that an operator has stepped over is dead-lettered like others."""
        unknown = BY_NAME[record.topic].unknown_type(record.value or b"")
        if unknown is None or await self.stepped_over(partition, record.offset) is not None:
            return None
        reason = f"this release knows no {storable(unknown)[:_MAX_NAME_CHARS]!r}: deploy the one that does"
        return Stop(record.offset, reason)

    async def _apply(self, wanted: Sequence[tuple[Record, Received[Message]]]) -> None:
        """Apply them all or, when one of them is at fault, each alone; one that fails alone is dead-lettered."""
        for (record, received), error in zip(wanted, await isolated(wanted, self._apply_together), strict=True):
            if error is not None:
                log.error(
                    "message cannot be applied",
                    subscription=self.consumer,
                    message_id=received.message_id,
                    exc_info=error,
                    **facts(record),
                )
                await self._dead_letter(record, error)

    async def _apply_together(self, wanted: Sequence[tuple[Record, Received[Message]]]) -> Sequence[None]:
        batch = [received for _, received in wanted]
        first: dict[str, Received[Message]] = {}
        for received in batch:
            first.setdefault(received.message_id, received)
        new = await self._database.apply_once(self.consumer, first, self._subscription.handle)
        _count(batch, [first[message_id] for message_id in new])
        return [None] * len(wanted)

    async def _dead_letter(self, record: Record, error: Exception) -> None:
        """Send `record` to the dead letters, once: as it came, as far as PostgreSQL and Kafka can hold it."""
        position = position_of(record)
        letter = f"dlq:{self.consumer}:{position}"

        async def send(unit: UnitOfWork, _: Sequence[Record]) -> None:
            key = storable((record.key or b"").decode(errors="replace"))
            body = (record.value or b"")[:MAX_PAYLOAD_BYTES]
            unit.send_raw(
                record.topic + DEAD_LETTER_SUFFIX, key, body, self._dead_letter_headers(record, letter, position, error)
            )

        await self._database.apply_once(f"{self.consumer}.dlq", {letter: record}, send)
        metrics.MESSAGES.labels(record.topic, "dead_lettered").inc()
        log.error("message dead-lettered", position=position, reason=summary(error), **facts(record))

    def _dead_letter_headers(self, record: Record, letter: str, position: str, error: Exception) -> dict[str, str]:
        headers = headers_of(record)
        kept = {storable(name): storable(headers[name]) for name in list(headers)[:_MAX_HEADERS]}
        return kept | {
            MESSAGE_ID: letter,
            "x-consumer": self.consumer,
            "x-position": position,
            "x-original-message-id": storable(message_id_of(record)),
            "x-original-bytes": str(len(record.value or b"")),
            "x-reason": storable(summary(error)),
        }


def _count(batch: Sequence[Received[Message]], fresh: Sequence[Received[Message]]) -> None:
    applied = Counter(received.topic for received in fresh)
    for topic, seen in Counter(received.topic for received in batch).items():
        metrics.MESSAGES.labels(topic, "applied").inc(applied[topic])
        metrics.MESSAGES.labels(topic, "duplicate").inc(seen - applied[topic])
