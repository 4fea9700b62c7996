"""Sends dead letters again, once their cause is mended: `python -m malipo.messaging.redrive payments.commands.v1`."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from malipo import clock
from malipo.contracts.permissions import OPERATOR, REDRIVE_GROUP
from malipo.contracts.topics import BY_NAME, Topic
from malipo.messaging.kafka_command import NotDone, explained
from malipo.messaging.raw import RawRecord, records_of
from malipo.messaging.reading import read_up_to
from malipo.messaging.records import summary
from malipo.messaging.security import KafkaAccess
from malipo.messaging.step_over import RAW_FROM
from malipo.messaging.unit_of_work import MESSAGE_ID
from malipo.platform import cli, settings
from malipo.platform.kafka_settings import KafkaSettings


@dataclass
class Redriven:
    """How many messages were sent again, and where batches stood that still cannot be read: they stay dead."""

    sent: int = 0
    unreadable: list[str] = field(default_factory=list[str])


async def redrive(kafka: KafkaAccess, topic: Topic) -> Redriven:
    """Send every dead letter of `topic` that is there and was not sent again yet, under its own message id.

    Whoever had applied the message drops the repeat by his inbox; whoever had not applies it now. Of a batch that was
    stepped over the records are sent, from the one that could not be read. Raises `KafkaError` or `OSError`.
    """
    consumer = _consumer(kafka, topic)
    producer: Any = AIOKafkaProducer(**kafka.options, enable_idempotence=True)
    try:
        await consumer.start()
        await producer.start()
        return await _send_all(consumer, producer, topic)
    finally:
        await producer.stop()
        await consumer.stop()


async def waiting(kafka: KafkaAccess, topic: Topic) -> list[dict[str, str]]:
    """What is known of each dead letter of `topic` that was not sent again yet, but not what it says. Raises `KafkaError` or `OSError`."""
    consumer = _consumer(kafka, topic)
    try:
        await consumer.start()
        ends: dict[TopicPartition, int] = await consumer.end_offsets(list(consumer.assignment()))
        return [_described(record) async for _, records in read_up_to(consumer, ends) for record in records]
    finally:
        await consumer.stop()


def _described(record: Any) -> dict[str, str]:
    headers = {name: value.decode(errors="replace") for name, value in record.headers}
    at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    names = ("x-consumer", "x-position", "x-reason", "x-original-message-id")
    known = {name.removeprefix("x-"): headers[name] for name in names if name in headers}
    return {"at": clock.iso(at), "key": (record.key or b"").decode(errors="replace"), **known}


def _consumer(kafka: KafkaAccess, topic: Topic) -> Any:
    return AIOKafkaConsumer(
        topic.dead_letter,
        **kafka.options,
        group_id=REDRIVE_GROUP,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )


async def _send_all(consumer: Any, producer: Any, topic: Topic) -> Redriven:
    """Up to where the dead letters end now: what is still dead comes back to them while we send."""
    done = Redriven()
    ends: dict[TopicPartition, int] = await consumer.end_offsets(list(consumer.assignment()))
    async for partition, records in read_up_to(consumer, ends):
        for record in records:
            await _send(producer, topic, record, done)
        await consumer.commit({partition: records[-1].offset + 1})
    return done


async def _send(producer: Any, topic: Topic, record: Any, done: Redriven) -> None:
    headers = {name: value.decode() for name, value in record.headers}
    if RAW_FROM in headers:
        return await _send_batch(producer, topic, record.value or b"", headers, done)
    await producer.send_and_wait(topic.name, record.value, key=record.key, headers=original(record.headers))
    done.sent += 1
    return None


async def _send_batch(producer: Any, topic: Topic, data: bytes, headers: dict[str, str], done: Redriven) -> None:
    try:
        records: list[RawRecord] = records_of(data)
    except Exception as error:  # noqa: BLE001 - whatever aiokafka raises: it is still dead
        done.unreadable.append(f"{headers['x-position']}: {summary(error)}")
        return
    for record in (record for record in records if record.offset >= int(headers[RAW_FROM])):
        await producer.send_and_wait(topic.name, record.value, key=record.key, headers=list(record.headers))
        done.sent += 1


async def _at_kafka[T](kafka: KafkaAccess, topic: Topic, do: Callable[[KafkaAccess, Topic], Awaitable[T]]) -> T:
    """As above. Raises `NotDone`."""
    right = f"read {topic.dead_letter}, be in group {REDRIVE_GROUP} and write {topic.name}"
    async with explained(kafka, right, f"the {OPERATOR}"):
        return await do(kafka, topic)


def original(headers: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """The headers with which the message first came: its own id again, and nothing of its dead letter."""
    known = dict(headers)
    kept = [(name, value) for name, value in headers if not name.startswith("x-") and name != MESSAGE_ID]
    return [*kept, (MESSAGE_ID, known["x-original-message-id"])]


def main(
    topic: Annotated[str, typer.Argument(help="Whose dead letters: payments.commands.v1.")],
    *,
    only_list: Annotated[bool, typer.Option("--list", help="Send nothing: print a line of JSON for each.")] = False,
) -> None:
    """Send a topic's dead letters again, once their cause is mended: each is applied once, however often this is done.

    Where Kafka is, and who we are there, it is told by the settings of every service (docs/settings.md#kafka).
    """
    of = BY_NAME.get(topic) or sys.exit(f"no topic {topic!r}; choose from: {', '.join(BY_NAME)}")
    kafka = KafkaAccess.of(settings.load(KafkaSettings))
    try:
        if only_list:
            for letter in asyncio.run(_at_kafka(kafka, of, waiting)):
                print(json.dumps(letter))  # noqa: T201 - a command's answer
            return
        done = asyncio.run(_at_kafka(kafka, of, redrive))
    except NotDone as error:
        sys.exit(f"not redriven: {error}")
    print(f"{done.sent} messages sent again to {topic}")  # noqa: T201 - a command's answer
    if done.unreadable:
        sys.exit("\n".join(("still not readable, and left in the dead letters:", *done.unreadable)))


if __name__ == "__main__":
    cli.run_one(main)
