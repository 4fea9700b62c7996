"""Sends dead letters again, once their cause is mended: `python -m malipo.messaging.redrive payments.commands.v1`."""

import asyncio
import os
import sys
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from malipo.contracts.topics import BY_NAME, Topic
from malipo.messaging.unit import MESSAGE_ID

GROUP = "redrive"
_POLL_MS = 2000


async def redrive(bootstrap: str, topic: Topic) -> int:
    """Send every dead letter of `topic` that was not sent again yet, under its own message id; answers how many.

    Whoever had applied the message drops the repeat by his inbox; whoever had not applies it now. Raises `KafkaError`.
    """
    consumer: Any = AIOKafkaConsumer(
        topic.dead_letter,
        bootstrap_servers=bootstrap,
        group_id=GROUP,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    producer: Any = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True)
    await consumer.start()
    await producer.start()
    try:
        return await _send_all(consumer, producer, topic)
    finally:
        await producer.stop()
        await consumer.stop()


async def _send_all(consumer: Any, producer: Any, topic: Topic) -> int:
    sent = 0
    while batches := await consumer.getmany(timeout_ms=_POLL_MS):
        for record in (record for records in batches.values() for record in records):
            await producer.send_and_wait(topic.name, record.value, key=record.key, headers=original(record.headers))
            sent += 1
        await consumer.commit()
    return sent


def original(headers: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """The headers with which the message first came: its own id again, and nothing of its burial."""
    told = dict(headers)
    kept = [(name, value) for name, value in headers if not name.startswith("x-") and name != MESSAGE_ID]
    return [*kept, (MESSAGE_ID, told["x-original-message-id"])]


def main() -> None:
    """Redrive the topic of the first argument from KAFKA_BOOTSTRAP."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    bootstrap = os.environ.get("KAFKA_BOOTSTRAP") or sys.exit("setting KAFKA_BOOTSTRAP: required")
    topic = BY_NAME.get(name) or sys.exit(f"no topic {name!r}; choose from: {', '.join(BY_NAME)}")
    try:
        print(f"{asyncio.run(redrive(bootstrap, topic))} messages sent again to {name}")  # noqa: T201 - a command's answer
    except KafkaError as error:
        sys.exit(f"not redriven: {error!r}")


if __name__ == "__main__":
    main()
