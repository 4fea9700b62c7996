"""Reads batches as Kafka stores them: what is to be had of records that no consumer can read.

The layout is that of record batches with magic 2 (https://kafka.apache.org/documentation/#recordbatch).
"""

import struct
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol, cast

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    CorruptRecordException,
    KafkaConnectionError,
    LeaderNotAvailableError,
    NoError,
    OffsetOutOfRangeError,
    for_code,
)
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.memory_records import MemoryRecords

from malipo.messaging.security import KafkaAccess

_HEADER = struct.Struct(">qiibIhi")  # base offset, length, leader's epoch, magic, checksum, attributes, last delta
_MAGIC = 2
_LENGTH_FROM = 12  # the length counts what comes behind it
_WAIT_MS = 1000
_MAX_BYTES = 4 * 1024 * 1024
_READ_UNCOMMITTED = 0


@dataclass(frozen=True)
class RawBatch:
    """A batch with its bytes, empty if the broker itself cannot read them: the offsets from `first` to before `next`."""

    first: int
    next: int
    data: bytes


class RawRecord(Protocol):
    """The part of aiokafka's record that we use."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


async def raw_batch(kafka: KafkaAccess, partition: TopicPartition, offset: int) -> RawBatch | None:
    """The batch that holds `offset`, or the next one; None where none is. Raises `KafkaError`."""
    async with _client(kafka, partition.topic) as client:
        leader = client.cluster.leader_for_partition(partition)
        if leader is None or leader < 0:
            raise LeaderNotAvailableError(partition)
        if not await client.ready(leader):
            message = f"broker {leader} does not answer"
            raise KafkaConnectionError(message)
        wanted = [(partition.topic, [(partition.partition, offset, _MAX_BYTES)])]
        answer = await client.send(leader, FetchRequest(_WAIT_MS, 1, _MAX_BYTES, _READ_UNCOMMITTED, wanted, rack_id=""))
    [(_, [(_, code, end, *_, data)])] = answer.topics
    error = for_code(code)
    if error is OffsetOutOfRangeError or (error is NoError and not data):
        return None
    if error is CorruptRecordException:
        return RawBatch(offset, offset + 1, b"")
    if error is not NoError:
        raise error(partition)
    return first_batch(bytes(data), offset, end)


def first_batch(data: bytes, offset: int, end: int) -> RawBatch:
    """The first batch of what was fetched from `offset`; `end` is the partition's.

    What its header says of its end is believed if it can be true, else it is taken for one record.
    """
    if len(data) < _HEADER.size:
        return RawBatch(offset, offset + 1, data)
    base, length, _, magic, _, _, delta = _HEADER.unpack_from(data)
    whole = data[: _LENGTH_FROM + length] if length > 0 else data
    if magic == _MAGIC and delta >= 0 and offset < base + delta + 1 <= end:
        return RawBatch(min(base, offset), base + delta + 1, whole)
    return RawBatch(offset, offset + 1, whole)


def records_of(data: bytes) -> list[RawRecord]:
    """The records of batches. Raises whatever aiokafka raises where a consumer would have failed."""
    found: list[RawRecord] = []
    batches: Any = MemoryRecords(data)
    while batches.has_next():
        batch: Any = batches.next_batch()
        if not batch.validate_crc():
            raise CorruptRecordException("wrong checksum")
        found += cast("Sequence[RawRecord]", list(batch))
    if not found:
        raise CorruptRecordException("not a whole batch")
    return found


@asynccontextmanager
async def _client(kafka: KafkaAccess, topic: str) -> AsyncGenerator[Any]:
    client: Any = AIOKafkaClient(**kafka.options)
    try:
        await client.bootstrap()
        await client.set_topics([topic])
        yield client
    finally:
        await client.close()
