"""Reads what a topic has at this moment, for commands that end: no group's consumer does."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

_POLL_MS = 2000
_MOST_EMPTY_POLLS = 15


async def read_up_to(
    consumer: Any, ends: Mapping[TopicPartition, int]
) -> AsyncGenerator[tuple[TopicPartition, list[Any]]]:
    """The records before these offsets, some of a partition at a time. Raises `KafkaError` when none come any more."""
    empty = 0
    while left := [place for place, end in ends.items() if await consumer.position(place) < end]:
        batches = await consumer.getmany(*left, timeout_ms=_POLL_MS)
        empty = 0 if batches else empty + 1
        if empty == _MOST_EMPTY_POLLS:
            where = ", ".join(f"{place.topic}/{place.partition}" for place in left)
            message = f"nothing came of {where} for {empty * _POLL_MS / 1000:.0f} s, although some is there"
            raise KafkaError(message)
        for place, records in batches.items():
            if meant := [record for record in records if record.offset < ends[place]]:
                yield place, meant
