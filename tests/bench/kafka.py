"""What Kafka holds: messages by topic."""

from collections.abc import Mapping
from typing import cast

from aiokafka import AIOKafkaConsumer, TopicPartition


async def messages(bootstrap: str, topics: Mapping[str, int]) -> dict[str, int]:
    """The number of messages ever sent to each of `topics`, which names the partitions of each."""
    partitions = [TopicPartition(topic, number) for topic, count in topics.items() for number in range(count)]
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    try:
        answer: object = await consumer.end_offsets(partitions)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    finally:
        await consumer.stop()
    total = dict.fromkeys(topics, 0)
    for partition, end in cast("dict[TopicPartition, int]", answer).items():
        total[partition.topic] += end
    return total
