"""Steps over what a consumer cannot read, or knows no such type of: `python -m malipo.messaging.step_over GROUP TOPIC PARTITION OFFSET`.

Runs in the environment of the service that the group belongs to. The arguments are in the service's log line and on its
`/health/ready`.
"""

import asyncio
import sys
from dataclasses import dataclass
from typing import Annotated

import asyncpg
import typer
from aiokafka import TopicPartition

from malipo.contracts.topics import BY_NAME, DEAD_LETTER_SUFFIX
from malipo.messaging import tables
from malipo.messaging.database import Database
from malipo.messaging.kafka_command import NotDone, explained
from malipo.messaging.operator_command import database_of
from malipo.messaging.pool import AWAY
from malipo.messaging.raw import RawBatch, raw_batch, records_of
from malipo.messaging.records import storable, summary
from malipo.messaging.security import KafkaAccess
from malipo.messaging.unit_of_work import MAX_PAYLOAD_BYTES, MESSAGE_ID, UnitOfWork
from malipo.messaging.writes import insert
from malipo.platform import cli, settings
from malipo.platform.database_settings import DatabaseSettings
from malipo.platform.kafka_settings import KafkaSettings

RAW_FROM = "x-raw-from"
"""Header of a dead letter that is a whole batch as Kafka stored it: its first offset that was not applied."""
_SECONDS = 20.0
_SILENT = f"PostgreSQL or Kafka did not answer within {_SECONDS:.0f} s"
_STEPPED_OVER = insert(tables.STEPPED_OVER)
_STEPPED_OVER_ALONE = """
INSERT INTO stepped_over (consumer, topic, partition, first_offset, next_offset) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
"""


class NothingToStepOver(NotDone):
    """There is no record, or one that can be read: a consumer applies it by itself."""


@dataclass(frozen=True)
class Place:
    """Where a consumer group stands, and cannot read on."""

    group: str
    partition: TopicPartition
    offset: int


async def step_over(database: Database, kafka: KafkaAccess, place: Place) -> int:
    """Dead-letter the batch that holds the record, once, and have every replica go on behind it; returns where.

    Both are one statement: a crash leaves nothing or all of it. Whoever holds the partition finds it within seconds,
    goes on, and commits. A record that can be read, and is of a type that this release does not know, is dead-lettered by
    who takes it, alone. Raises `NothingToStepOver`, `NotDone`, or one of `AWAY`.
    """
    async with explained(kafka, f"read {place.partition.topic}", "that service"):
        batch = await raw_batch(kafka, place.partition, place.offset)
    if batch is None:
        raise NothingToStepOver("no record is there")
    topic, number = place.partition
    reason = _why_unreadable(batch)
    if reason is None:
        _require_unknown_type(place, batch)
        await database.write(_STEPPED_OVER_ALONE, place.group, topic, number, place.offset, place.offset + 1)
        return place.offset + 1
    letter = f"dlq:{place.group}:{topic}:{number}:{batch.first}-{batch.next}"

    async def send(unit: UnitOfWork, _: object) -> None:
        headers = _dead_letter_headers(place, batch, letter, reason)
        unit.send_raw(topic + DEAD_LETTER_SUFFIX, f"{topic}:{number}", batch.data[:MAX_PAYLOAD_BYTES], headers)
        unit.put(_STEPPED_OVER, [(place.group, topic, number, batch.first, batch.next)])

    await database.apply_once(f"{place.group}.dlq", {letter: batch}, send)
    return batch.next


def _require_unknown_type(place: Place, batch: RawBatch) -> None:
    values = [record.value or b"" for record in records_of(batch.data) if record.offset == place.offset]
    if not any(BY_NAME[place.partition.topic].unknown_type(value) for value in values):
        raise NothingToStepOver("the record can be read")


def _why_unreadable(batch: RawBatch) -> str | None:
    """Why a consumer cannot read the batch; None when it can."""
    if not batch.data:
        return "the broker cannot read it"
    try:
        records_of(batch.data)
    except Exception as error:  # noqa: BLE001 - whatever it is, a consumer would raise it out of its poll, too
        return summary(error)
    return None


def _dead_letter_headers(place: Place, batch: RawBatch, letter: str, reason: str) -> dict[str, str]:
    return {
        MESSAGE_ID: letter,
        "x-consumer": place.group,
        "x-position": f"{place.partition.topic}:{place.partition.partition}:{place.offset}",
        "x-next-offset": str(batch.next),
        RAW_FROM: str(place.offset),
        "x-original-bytes": str(len(batch.data)),
        "x-reason": storable(reason),
    }


class _Settings(KafkaSettings, DatabaseSettings):
    """Of the service whose consumer is to step over something, as far as that needs them."""


async def _run(place: Place, given: _Settings) -> int:
    """As above. Raises `NotDone`."""
    kafka = KafkaAccess.of(given)
    try:
        async with asyncio.timeout(_SECONDS), database_of(given.database_url.get_secret_value()) as database:
            return await step_over(database, kafka, place)
    except TimeoutError as error:
        raise NotDone(_SILENT) from error
    except (asyncpg.PostgresError, *AWAY) as error:
        raise NotDone(summary(error)) from error


def main(
    group: Annotated[str, typer.Argument(help="The consumer group that cannot read on: orchestrator.payments.")],
    topic: Annotated[str, typer.Argument(help="What it reads.")],
    partition: Annotated[int, typer.Argument(min=0)],
    offset: Annotated[int, typer.Argument(min=0, help="Where it stands.")],
) -> None:
    """Have a consumer group skip what it cannot read; its service's log and health page say where. That goes to the dead letters.

    In the environment of that service: it takes its settings.
    """
    place = Place(group, TopicPartition(topic, partition), offset)
    try:
        beyond = asyncio.run(_run(place, settings.load(_Settings)))
    except NotDone as error:
        sys.exit(f"not stepped over: {error}")
    print(f"{place.group} goes on at offset {beyond} within seconds; what was there is in the dead letters")  # noqa: T201 - a command's answer


if __name__ == "__main__":
    cli.run_one(main)
