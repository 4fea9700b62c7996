"""Runs subscriptions on FastStream batch subscribers, giving a batch back when it could not be tried."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any, cast

from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage

from malipo import clock
from malipo.messaging.kafka import started
from malipo.messaging.offsets import Offsets
from malipo.messaging.subscription import DatabaseAway, Record, Shell, Subscription
from malipo.platform.logs import log

_AWAY_SECONDS = 1.0
_START_AGAIN_SECONDS = 1.0
_POLL_MS = 1000
_STOPPED = "not started"


class Consumers:
    """All subscriptions of one service, each in a consumer group of its own.

    Offsets are committed after the batch's transaction. A batch that was not applied, because the database is away or
    for any other reason, comes again after a pause, and the process stays in its group meanwhile. Membership is static:
    a process that is started again under its instance's name goes on with its partitions at once, also after a kill.
    """

    def __init__(self, kafka_bootstrap: str, service: str, instance: str) -> None:
        self._service = service
        self._instance = instance
        self._offsets = Offsets()
        self._broker = KafkaBroker(
            kafka_bootstrap,
            client_id=f"{service}.{instance}",
            ack_policy=AckPolicy.MANUAL,  # the default commits before the handler runs
            allow_auto_create_topics=False,
            consumer_only=True,  # the relay publishes; a producer whose start fails would never be closed
            graceful_timeout=10,
            logger=None,
            apply_types=False,
        )
        self.problem: str | None = _STOPPED
        self._topics: list[str] = []

    def add(self, subscription: Subscription, shell: Shell) -> None:
        """Have `shell` take what `subscription` asks for."""
        topics = [topic.name for topic in subscription.topics]
        subscriber = self._broker.subscriber(
            *topics,
            batch=True,
            group_id=f"{self._service}.{subscription.name}",
            group_instance_id=f"{self._service}.{self._instance}",
            auto_offset_reset="earliest",  # the default would skip what was sent before the first deployment
            max_records=subscription.max_records,
            heartbeat_interval_ms=500,  # a member that joins waits for the others' next heartbeat
            session_timeout_ms=10_000,
            parser=_without_headers,
            decoder=_itself,
        )
        batches = _Batches(subscription.max_records)
        subscriber.get_msg = batches.next
        subscriber(partial(self._consume, shell, batches, subscription.pace_seconds))
        self._topics += topics

    async def lag(self) -> dict[str, int]:
        """By topic: the messages in the partitions held here that were not taken yet, as far as Kafka has said."""
        messages = dict.fromkeys(self._topics, 0)
        for consumer in self._running():
            # What aiokafka says of a partition that has just been taken away.
            with suppress(IllegalStateError, AssertionError):
                for partition in consumer.assignment():
                    end = consumer.highwater(partition)
                    if end is not None:  # and then there is a position, too
                        messages[partition.topic] += end - await consumer.position(partition)
        return messages

    def _running(self) -> list[Any]:
        subscribers = cast("Sequence[Any]", self._broker.subscribers)
        return [subscriber.consumer for subscriber in subscribers if subscriber.consumer is not None]

    async def _consume(self, shell: Shell, batches: "_Batches", pace_seconds: float, message: KafkaMessage) -> None:
        records = cast("Sequence[Record]", message.raw_message)
        next_at = clock.monotonic() + pace_seconds
        try:
            await shell.take(records)
        except DatabaseAway as error:
            log.warning("database away", error=str(error), retry_in_seconds=_AWAY_SECONDS)
        except Exception:  # noqa: BLE001 - whatever it is, the batch must not be lost
            log.exception("batch failed", retry_in_seconds=_AWAY_SECONDS)
        else:
            batches.applied()
            self._offsets.applied(cast("Any", message.consumer), records)
            return await asyncio.sleep(max(0.0, next_at - clock.monotonic()))
        # Taken again at once it would fail again at once, thousands of times a second.
        await asyncio.sleep(_AWAY_SECONDS)

    async def run(self) -> None:
        """Connect, however long that takes, and consume until cancelled."""
        try:
            await self._start()
            self.problem = None
            await self._offsets.run()
        finally:
            self.problem = _STOPPED
            await self._broker.stop()

    async def _start(self) -> None:
        while True:
            try:
                return await started(self._broker.start)
            except (KafkaError, OSError) as error:
                self.problem = f"Kafka away: {error!r}"
                log.warning("kafka away", error=repr(error), retry_in_seconds=_START_AGAIN_SECONDS)
                await self._broker.stop()
                await asyncio.sleep(_START_AGAIN_SECONDS)


class _Batches:
    """The batches of one subscriber, one after the other: one that was not applied comes again instead of the next.

    FastStream passes over what its parser or a handler raises, and would go on behind it.
    """

    def __init__(self, max_records: int) -> None:
        self._max_records = max_records
        self._open: tuple[Record, ...] = ()

    async def next(self, consumer: Any) -> tuple[Record, ...]:
        """What a subscriber's `get_msg` answers."""
        for record in reversed(self._open):
            with suppress(IllegalStateError):  # its partition is another's by now, who goes on from where we were
                consumer.seek(TopicPartition(record.topic, record.partition), record.offset)
        self._open = ()
        self._open = await next_batch(self._max_records, consumer)
        return self._open

    def applied(self) -> None:
        """The last one need not come again."""
        self._open = ()


async def next_batch(max_records: int, consumer: Any) -> tuple[Record, ...]:
    """The next records, as soon as there are any, or none after a second."""
    # FastStream's own sleeps after an empty poll for as long as a poll may take. Short polls then wake the process hundreds
    # of times a second for nothing, and long ones keep waiting what comes during the sleep.
    batches: Mapping[object, Sequence[Record]] = await consumer.getmany(timeout_ms=_POLL_MS, max_records=max_records)
    return tuple(chain.from_iterable(batches.values()))


async def _without_headers(
    records: tuple[Record, ...], parse: Callable[[tuple[Record, ...]], Awaitable[KafkaMessage]]
) -> KafkaMessage:
    # FastStream decodes every header as UTF-8, and the batch would come again and again when one is not.
    message = await parse(tuple(replace(record, headers=()) for record in records))
    message.raw_message = records
    return message


async def _itself(message: KafkaMessage) -> object:
    return message
