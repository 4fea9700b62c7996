"""All that a stack keeps, as texts to search: every row of a database, every record of Kafka."""

from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer

from malipo.messaging.security import KafkaAccess

_asyncpg: Any = asyncpg  # it has no types


async def every_row(database_url: str) -> str:
    """All rows of all tables; bytes as the text that they may be."""
    connection = await _asyncpg.connect(database_url)
    try:
        names = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = [await connection.fetch(f'SELECT * FROM "{name[0]}"') for name in names]  # noqa: S608 - of the catalogue
    finally:
        await connection.close()
    return "\n".join(_readable(value) for rows in tables for row in rows for value in row.values())


async def every_record(kafka: KafkaAccess) -> dict[str, str]:
    """By topic the keys, values and headers of all its records, dead letters included."""
    consumer: Any = AIOKafkaConsumer(**kafka.options, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    try:
        topics: list[str] = [topic for topic in await consumer.topics() if not topic.startswith("__")]
        consumer.subscribe(topics)
        found = dict.fromkeys(topics, "")
        while batch := await consumer.getmany(timeout_ms=2000):
            for record in (record for records in batch.values() for record in records):
                found[record.topic] += f"{_readable(record.key)} {_readable(record.value)} {record.headers}\n"
    finally:
        await consumer.stop()
    return found


def _readable(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
