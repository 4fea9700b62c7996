"""Remembers idempotency keys that a restored database has forgotten, from the commands that Kafka still has."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from gateway.edge import idempotency
from gateway.tables import IDEMPOTENCY_KEYS
from malipo.contracts.topics import PAYMENT_COMMANDS
from malipo.messaging.database import Database
from malipo.messaging.kafka_command import explained
from malipo.messaging.reading import read_up_to
from malipo.messaging.records import position_of
from malipo.messaging.security import KafkaAccess
from malipo.messaging.writes import insert
from malipo.platform.logs import log

_RECALL = insert(IDEMPOTENCY_KEYS, "ON CONFLICT DO NOTHING")
type _Rows = list[tuple[object, ...]]


async def recall(database: Database, kafka: KafkaAccess, since: datetime) -> int:
    """Keep the key of each request since then that became a command, unless it is known; returns how many were looked at.

    A repeat gets what the first one made, also with another body: what that asked for was forgotten. Raises `NotDone`.
    """
    number = 0
    async for rows in _requested(kafka, since):
        async with database.begin() as unit:
            unit.put(_RECALL, sorted(rows))
        number += len(rows)
    return number


async def _requested(kafka: KafkaAccess, since: datetime) -> AsyncGenerator[_Rows]:
    consumer: Any = AIOKafkaConsumer(PAYMENT_COMMANDS.name, **kafka.options)
    async with explained(kafka, f"read {PAYMENT_COMMANDS.name}", "the gateway"):
        try:
            await consumer.start()
            async for _, records in read_up_to(consumer, await _sought(consumer, since)):
                if rows := [row for record in records if (row := _row(record))]:
                    yield rows
        finally:
            await consumer.stop()


async def _sought(consumer: Any, since: datetime) -> dict[TopicPartition, int]:
    """Have the consumer stand at the first record since then; returns where each partition ends."""
    places: list[TopicPartition] = list(consumer.assignment())
    ends: dict[TopicPartition, int] = await consumer.end_offsets(places)
    found = await consumer.offsets_for_times(dict.fromkeys(places, int(since.timestamp() * 1000)))
    for place in places:
        consumer.seek(place, found[place].offset if found[place] else ends[place])
    return ends


def _row(record: Any) -> tuple[object, ...] | None:
    headers = dict(record.headers)
    if idempotency.HEADER not in headers:
        return None
    try:
        return tuple(idempotency.recalled(headers[idempotency.HEADER].decode(), record.key.decode()))
    except ValueError:
        log.warning("no idempotency key recalled: its header cannot be read", position=position_of(record))
        return None
