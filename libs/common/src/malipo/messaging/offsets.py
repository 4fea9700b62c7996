"""Commits offsets of what was applied: after its transaction, and for many batches at once."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Protocol

from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from malipo.messaging.subscription import Record
from malipo.platform.logs import log

_EVERY_SECONDS = 0.2
"""A commit is a request of its own, dearer than the messages of a batch. What a crash brings again the inbox drops."""
_COMMIT_SECONDS = 2.0
"""aiokafka tries for ever while Kafka is away: no other group, and no stop, may wait for that."""


class Consumer(Protocol):
    """The part of aiokafka's consumer that we use; aiokafka ships no types."""

    def assignment(self) -> frozenset[TopicPartition]:
        """The partitions that it holds now."""
        ...

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Have Kafka remember where to go on."""
        ...


class Offsets:
    """How far each consumer of this process has come. The first batch after a pause is committed at once."""

    def __init__(self) -> None:
        self._applied: dict[Consumer, dict[TopicPartition, int]] = {}
        self._due = asyncio.Event()

    def applied(self, consumer: Consumer, records: Iterable[Record]) -> None:
        """These records need not come again."""
        offsets = self._applied.setdefault(consumer, {})
        for record in records:
            offsets[TopicPartition(record.topic, record.partition)] = record.offset + 1
        self._due.set()

    async def run(self) -> None:
        """Commit until cancelled, and once more then."""
        try:
            while True:
                await self._due.wait()
                self._due.clear()
                await self._commit()
                await asyncio.sleep(_EVERY_SECONDS)
        finally:
            await self._commit()
            self._applied = {}  # the next run has other consumers

    async def _commit(self) -> None:
        applied, self._applied = self._applied, {}
        for consumer, offsets in applied.items():
            held = {partition: offset for partition, offset in offsets.items() if partition in consumer.assignment()}
            try:
                async with asyncio.timeout(_COMMIT_SECONDS):
                    if held:
                        await consumer.commit(held)
            except (KafkaError, IllegalStateError, TimeoutError) as error:
                # The partitions are another's by now, or Kafka is away: what is still ours is tried again.
                log.warning("offsets not committed", error=repr(error), retry_in_seconds=_EVERY_SECONDS)
                self._applied[consumer] = held | self._applied.get(consumer, {})
                self._due.set()
