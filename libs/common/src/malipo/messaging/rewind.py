"""Has a consumer group read a topic again from a moment on: `python -m malipo.messaging.rewind GROUP TOPIC --to TIME`.

For a service whose database was restored to that moment. Runs in its environment, while all of its replicas are stopped.
"""

import asyncio
import sys
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

import typer
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CommitFailedError

from malipo.contracts.topics import BY_NAME, Topic
from malipo.messaging.kafka_command import NotDone, explained
from malipo.messaging.security import KafkaAccess
from malipo.platform import cli, settings
from malipo.platform.kafka_settings import KafkaSettings

_SECONDS = 30


class Rewound(NamedTuple):
    """How many partitions go on at an earlier record, and how many records will come again."""

    partitions: int
    records: int


async def rewind(kafka: KafkaAccess, group: str, topic: Topic, to: datetime) -> Rewound:
    """Have `group` go on in each partition of `topic` at the first record that is as new as `to`, unless it stands before that.

    Nothing is passed over by this. What was applied comes again under its id, and is dropped by those whose inbox has it.
    Raises `KafkaError` (`CommitFailedError` while somebody is in the group) or `OSError`.
    """
    consumer: Any = AIOKafkaConsumer(**kafka.options, group_id=group, enable_auto_commit=False)
    try:
        await consumer.start()
        partitions = await _partitions_of(kafka, topic)
        consumer.assign(partitions)
        moment = int(to.timestamp() * 1000)
        found = await consumer.offsets_for_times(dict.fromkeys(partitions, moment))
        earlier: dict[TopicPartition, int] = {}
        records = 0
        for partition, at in found.items():
            stands = await consumer.committed(partition)
            if at is not None and stands is not None and at.offset < stands:
                earlier[partition] = at.offset
                records += stands - at.offset
        if earlier:
            await consumer.commit(earlier)
        return Rewound(len(earlier), records)
    finally:
        await consumer.stop()


async def _partitions_of(kafka: KafkaAccess, topic: Topic) -> list[TopicPartition]:
    admin: Any = AIOKafkaAdminClient(**kafka.options)
    try:
        await admin.start()
        described = await admin.describe_topics([topic.name])
        return [TopicPartition(topic.name, one["partition"]) for one in described[0]["partitions"]]
    finally:
        await admin.close()


async def _rewind(kafka: KafkaAccess, group: str, topic: Topic, to: datetime) -> Rewound:
    """As above. Raises `NotDone`."""
    async with explained(kafka, f"read {topic.name} in group {group}", "that service", _SECONDS):
        try:
            return await rewind(kafka, group, topic, to)
        except CommitFailedError as error:
            message = (
                f"{group} has members: stop every replica of its service, and wait ten seconds for one that was killed"
            )
            raise NotDone(message) from error


def main(
    group: Annotated[str, typer.Argument(help="Who reads again: orchestrator.payments.")],
    topic: Annotated[str, typer.Argument(help="What it reads: payments.commands.v1.")],
    to: Annotated[
        datetime,
        typer.Option(help="From when on, UTC.", formats=["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S"]),
    ],
) -> None:
    """Have a consumer group read a topic again from a moment on: its service's database was restored to that one.

    In the environment of that service, whose replicas are all stopped. Choose the moment some minutes earlier than the
    database's: what it has applied it drops.
    """
    of = BY_NAME.get(topic) or sys.exit(f"no topic {topic!r}; choose from: {', '.join(BY_NAME)}")
    kafka = KafkaAccess.of(settings.load(KafkaSettings))
    try:
        done = asyncio.run(_rewind(kafka, group, of, to.replace(tzinfo=UTC)))
    except NotDone as error:
        sys.exit(f"not rewound: {error}")
    print(f"{group} reads {done.records} records of {topic} again, in {done.partitions} partitions")  # noqa: T201 - a command's answer


if __name__ == "__main__":
    cli.run_one(main)
