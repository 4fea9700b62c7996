"""Has Kafka delete records, as it does with those that are too old."""

from collections.abc import Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from malipo.messaging.security import KafkaAccess


async def delete_records(kafka: KafkaAccess, ends: Mapping[TopicPartition, int]) -> None:
    """Delete what stands before these offsets."""
    admin: Any = AIOKafkaAdminClient(**kafka.options)
    await admin.start()
    try:
        await admin.delete_records({place: RecordsToDelete(before_offset=end) for place, end in ends.items()})
    finally:
        await admin.close()
