"""Remembers what a restored database has forgotten of requests, from the commands that Kafka still has: their idempotency keys, and
which of them were charges of saved methods.
"""

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from gateway.edge import idempotency
from gateway.payment_methods import charges
from gateway.payment_methods.charges import SavedCharge
from gateway.tables import IDEMPOTENCY_KEYS
from malipo import ids
from malipo.contracts.commands import CreatePayment
from malipo.contracts.message import Message
from malipo.contracts.methods import SAVED
from malipo.contracts.topics import PAYMENT_COMMANDS
from malipo.messaging.database import Database
from malipo.messaging.kafka_command import explained
from malipo.messaging.reading import read_up_to
from malipo.messaging.records import position_of
from malipo.messaging.security import KafkaAccess
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.messaging.writes import insert
from malipo.platform.logs import log

_RECALL = insert(IDEMPOTENCY_KEYS, "ON CONFLICT DO NOTHING")
type _Rows = list[tuple[object, ...]]


async def recall(database: Database, kafka: KafkaAccess, since: datetime) -> int:
    """Keep the key of each request since then that became a command, unless it is known; returns how many were looked at.

    A repeat gets what the first one made, also with another body: what that asked for was forgotten. A charge of a saved method
    counts in its series again, with or without a key. Raises `NotDone`.
    """
    number = 0
    async for records in _requested(kafka, since):
        keys = [row for record in records if (row := _row(record))]
        saved = {one.payment_id: one for record in records if (one := _charge(record))}
        await database.transact(partial(_keep, keys, list(saved.values())))
        number += len(keys)
    return number


async def _keep(keys: _Rows, saved: Sequence[SavedCharge], unit: UnitOfWork) -> None:
    unit.put(_RECALL, sorted(keys))
    charges.recall(unit, saved)


async def _requested(kafka: KafkaAccess, since: datetime) -> AsyncGenerator[list[Any]]:
    consumer: Any = AIOKafkaConsumer(PAYMENT_COMMANDS.name, **kafka.options)
    async with explained(kafka, f"read {PAYMENT_COMMANDS.name}", "the gateway"):
        try:
            await consumer.start()
            async for _, records in read_up_to(consumer, await _sought(consumer, since)):
                yield records
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


def _charge(record: Any) -> SavedCharge | None:
    try:
        return _charged_by(PAYMENT_COMMANDS.decode(record.value or b""))
    except (ValueError, KeyError):
        log.warning("no charge recalled: its command cannot be read", position=position_of(record))
        return None


def _charged_by(command: Message) -> SavedCharge | None:
    if not isinstance(command, CreatePayment) or command.method.type != SAVED:
        return None
    details = command.method.details
    return SavedCharge(
        command.payment_id,
        command.merchant_id,
        command.mode,
        str(details["id"]),
        command.amount.amount_minor,
        ids.made_at(command.payment_id),
        details.get("series"),
    )
