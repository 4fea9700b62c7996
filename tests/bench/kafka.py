"""What Kafka holds: messages by topic, and records with their times."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

from aiokafka import AIOKafkaConsumer, TopicPartition

type Ends = dict[TopicPartition, int]
"""The offset behind the last record of each partition."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One record; `at` is the time in Unix seconds that its producer gave it as it was handed over to be sent."""

    topic: str
    key: str
    message_id: str
    value: bytes
    at: float


async def messages(bootstrap: str, topics: Mapping[str, int]) -> dict[str, int]:
    """The number of messages ever sent to each of `topics`, which names the partitions of each."""
    total = dict.fromkeys(topics, 0)
    for partition, end in (await ends(bootstrap, topics)).items():
        total[partition.topic] += end
    return total


async def ends(bootstrap: str, topics: Mapping[str, int]) -> Ends:
    """Where the partitions of `topics` end now."""
    partitions = [TopicPartition(topic, number) for topic, count in topics.items() for number in range(count)]
    async with _consumer(bootstrap) as consumer:
        return cast("Ends", await consumer.end_offsets(partitions))


async def since(bootstrap: str, begun: Ends) -> list[Kept]:
    """The records that came behind these offsets until now."""
    found: list[Kept] = []
    async with _consumer(bootstrap) as consumer:
        consumer.assign(list(begun))
        until = cast("Ends", await consumer.end_offsets(list(begun)))
        for partition, offset in begun.items():
            consumer.seek(partition, offset)
        while any([await consumer.position(one) < end for one, end in until.items()]):
            for records in (await consumer.getmany(timeout_ms=1000, max_records=5000)).values():
                found += map(_kept, records)
    return found


@asynccontextmanager
async def _consumer(bootstrap: str) -> AsyncGenerator[Any]:
    consumer: Any = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


def _kept(record: Any) -> Kept:
    headers = dict(record.headers)
    message_id = headers.get("message-id", b"").decode()
    return Kept(record.topic, (record.key or b"").decode(), message_id, record.value, record.timestamp / 1000)
