"""The batch shell: takes a Kafka batch, applies it in one unit, isolates what cannot be applied."""

import base64
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import asyncpg
from aiokafka import ConsumerRecord, TopicPartition
from msgspec import MsgspecError

from malipo.contracts.message import Message
from malipo.contracts.topics import BY_NAME, DEAD_LETTER_SUFFIX, Topic
from malipo.messaging.database import AWAY, blames_message, without_nul
from malipo.messaging.unit import MAX_PAYLOAD_BYTES, MESSAGE_ID, Unit, Units
from malipo.platform import logs, metrics, tracing
from malipo.platform.logs import log

Record = ConsumerRecord[bytes | None, bytes | None]

_CARRIED = (tracing.TRACEPARENT, "tracestate", tracing.CLIENT_REF)
_STEPPED_OVER = """
SELECT next_offset FROM stepped_over
WHERE consumer = $1 AND topic = $2 AND partition = $3 AND first_offset <= $4 AND next_offset > $4
"""
_MAX_TEXT_CHARS = 500
_MAX_HEADERS = 50
_MAX_NAME_CHARS = 60


@dataclass(frozen=True, slots=True)
class Received[M: Message]:
    """One message with what came around it. `headers` are those to hand on to what it causes."""

    message: M
    message_id: str
    topic: str
    key: str
    headers: dict[str, str] = field(default_factory=dict[str, str])


Handler = Callable[[Unit, Sequence[Received[Message]]], Awaitable[None]]
"""Applies messages within a unit, all of them or by raising none. Called with one batch in the order of Kafka.

It changes nothing but by the unit: what it did is undone when another turns out to have applied a message meanwhile."""


@dataclass(frozen=True)
class Subscription:
    """What one consumer group of a service takes in, and the handler that applies it."""

    name: str
    topics: tuple[Topic, ...]
    handle: Handler
    wants: Callable[[Message], bool] = lambda _: True
    """A message that changes nothing here is dropped without a transaction: it may come again as often as it likes."""
    max_records: int = 500
    pace_seconds: float = 0.0
    """At least so long from one batch to the next: what comes meanwhile is applied together. A first one never waits."""


class Stop(NamedTuple):
    """Where a partition cannot be taken any further by this release, and why."""

    offset: int
    reason: str


class DatabaseAway(Exception):
    """The batch could not be tried: give it back to Kafka and come again."""


class Shell:
    """Applies the batches of one subscription.

    One batch is one unit: inbox, the handler's state, outbox. A redelivered message is dropped by the inbox.
    When it fails because of a message, each is tried alone, and one that fails alone goes to its topic's dead letters
    with the reason, while its neighbours go on. When it fails because of the database, the batch is given back.
    A message of a type that this release does not know is a newer producer's: its partition stops there, for the release
    that knows it.
    """

    def __init__(self, subscription: Subscription, units: Units, service: str) -> None:
        self._subscription = subscription
        self._units = units
        self.consumer = f"{service}.{subscription.name}"

    async def take(self, records: Sequence[Record]) -> Mapping[TopicPartition, Stop]:
        """Apply a batch; returns when all of it is committed, but for what stands behind the stops that it answers.

        Raises `DatabaseAway`.
        """
        try:
            with metrics.BATCH_SECONDS.labels(self._subscription.name).time():
                return await self._take(records)
        except (*AWAY, asyncpg.PostgresError) as error:
            raise DatabaseAway(summary(error)) from error

    async def stepped_over(self, partition: TopicPartition, offset: int) -> int | None:
        """Where to go on when an operator has stepped over what stands at `offset`, else None; also when nobody knows."""
        try:
            return await self._units.reads.fetchval(_STEPPED_OVER, self.consumer, *partition, offset)
        except (*AWAY, asyncpg.PostgresError) as error:
            log.warning("database away", error=summary(error))
            return None

    async def _take(self, records: Sequence[Record]) -> Mapping[TopicPartition, Stop]:
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
                    await self._bury(record, error)
                else:
                    stops[partition] = stop
                continue
            if self._subscription.wants(received.message):
                wanted.append((record, received))
            else:
                metrics.MESSAGES.labels(received.topic, "ignored").inc()
        if wanted:
            with tracing.batch(f"take {self._subscription.name}", [received.headers for _, received in wanted]):
                await self._apply_or_isolate(wanted)
        return stops

    async def _stop_at(self, partition: TopicPartition, record: Record) -> Stop | None:
        """Whether to stop at a record that could not be read. One that an operator has stepped over is buried like others."""
        stranger = BY_NAME[record.topic].stranger(record.value or b"")
        if stranger is None or await self.stepped_over(partition, record.offset) is not None:
            return None
        reason = f"this release knows no {storable(stranger)[:_MAX_NAME_CHARS]!r}: deploy the one that does"
        return Stop(record.offset, reason)

    async def _apply_or_isolate(self, wanted: Sequence[tuple[Record, Received[Message]]]) -> None:
        try:
            await self._apply([received for _, received in wanted])
        except Exception as error:
            if not blames_message(error):
                raise
            log.warning("batch isolated", subscription=self.consumer, error=summary(error), size=len(wanted))
            await self._take_singly(wanted)

    async def _take_singly(self, wanted: Sequence[tuple[Record, Received[Message]]]) -> None:
        for record, received in wanted:
            try:
                await self._apply([received])
            except Exception as error:
                if not blames_message(error):
                    raise
                log.exception(
                    "message cannot be applied",
                    subscription=self.consumer,
                    message_id=received.message_id,
                    **_facts(record),
                )
                await self._bury(record, error)

    async def _apply(self, batch: Sequence[Received[Message]]) -> None:
        first: dict[str, Received[Message]] = {}
        for received in batch:
            first.setdefault(received.message_id, received)
        new = await self._units.receive(self.consumer, first, self._subscription.handle)
        _count(batch, [first[message_id] for message_id in new])

    async def _bury(self, record: Record, error: Exception) -> None:
        """Send `record` to the dead letters, once: as it came, as far as PostgreSQL and Kafka can hold it."""
        position = f"{record.topic}:{record.partition}:{record.offset}"

        async def bury(unit: Unit, _: Sequence[Record]) -> None:
            key = storable((record.key or b"").decode(errors="replace"))
            body = (record.value or b"")[:MAX_PAYLOAD_BYTES]
            unit.send_raw(record.topic + DEAD_LETTER_SUFFIX, key, body, self._obituary(record, position, error))

        await self._units.receive(f"{self.consumer}.dlq", {position: record}, bury)
        metrics.MESSAGES.labels(record.topic, "dead_lettered").inc()
        log.error("message dead-lettered", position=position, reason=summary(error), **_facts(record))

    def _obituary(self, record: Record, position: str, error: Exception) -> dict[str, str]:
        headers = headers_of(record)
        kept = {storable(name): storable(headers[name]) for name in list(headers)[:_MAX_HEADERS]}
        return kept | {
            MESSAGE_ID: f"dlq:{self.consumer}:{position}",
            "x-consumer": self.consumer,
            "x-position": position,
            "x-original-message-id": storable(message_id_of(record)),
            "x-original-bytes": str(len(record.value or b"")),
            "x-reason": storable(summary(error)),
        }


def read(record: Record) -> Received[Message]:
    """The message in a record. Raises `MsgspecError`, `UnicodeDecodeError` or `ValueError` when it is not one of ours."""
    headers = headers_of(record)
    return Received(
        message=BY_NAME[record.topic].decode(record.value or b""),
        message_id=message_id_of(record),
        topic=record.topic,
        key=(record.key or b"").decode(),
        headers={name: headers[name] for name in _CARRIED if name in headers},
    )


def headers_of(record: Record) -> dict[str, str]:
    """The record's headers as text; bytes that are no text come as base64."""
    return {name: _text(value) for name, value in record.headers}


def message_id_of(record: Record) -> str:
    """The id that the producer gave, else the record's position, which is as unique."""
    return headers_of(record).get(MESSAGE_ID) or f"{record.topic}:{record.partition}:{record.offset}"


def storable(text: str) -> str:
    """The text as a header or key can hold it: Kafka takes nothing of a megabyte."""
    return without_nul(text)[:_MAX_TEXT_CHARS]


def summary(error: Exception) -> str:
    """What is wrong, without the row that PostgreSQL adds as detail: it may hold a merchant's data."""
    message = error.args[0] if isinstance(error, asyncpg.PostgresError) and error.args else error
    return f"{type(error).__name__}: {message}"[:_MAX_TEXT_CHARS]


def _facts(record: Record) -> dict[str, str]:
    """What lines about a record say of its payment, in topics whose keys are payments' ids."""
    key = (record.key or b"").decode(errors="replace")
    return logs.facts(key, headers_of(record)) if key.startswith("pay_") else {}


def _count(batch: Sequence[Received[Message]], fresh: Sequence[Received[Message]]) -> None:
    applied = Counter(received.topic for received in fresh)
    for topic, seen in Counter(received.topic for received in batch).items():
        metrics.MESSAGES.labels(topic, "applied").inc(applied[topic])
        metrics.MESSAGES.labels(topic, "duplicate").inc(seen - applied[topic])


def _text(value: bytes | None) -> str:
    try:
        return (value or b"").decode()
    except UnicodeDecodeError:
        return base64.b64encode(value or b"").decode()
