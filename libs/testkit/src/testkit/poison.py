"""Writes records that Kafka accepts and that no consumer of ours can read."""

import struct
from typing import Any, cast

from aiokafka import AIOKafkaProducer
from aiokafka.record.util import calc_crc32c

from malipo.messaging.security import KafkaAccess

_NAME = b"unreadable"
_CRC = struct.Struct(">I")
_CRC_AT, _CRC_FROM = 17, 21


async def poison(kafka: KafkaAccess, topic: str, partition: int, *values: bytes) -> int:
    """Append one batch to the partition: a record for each of `values`, and a last one that cannot be read.

    Its only header has a name that is no UTF-8, which brokers do not check. Returns the offset of that record.
    """
    producer: Any = AIOKafkaProducer(**kafka.options)
    await producer.start()
    try:
        batch = producer.create_batch()
        for value in values:
            batch.append(timestamp=None, key=b"poison", value=value)
        batch.append(timestamp=None, key=b"poison", value=b"{}", headers=[(_NAME.decode(), b"")])
        batch.close()
        batch._buffer = _spoilt(bytes(batch._build()))  # noqa: SLF001
        sent = await (await producer.send_batch(batch, topic, partition=partition))
    finally:
        await producer.stop()
    return cast("int", sent.offset) + len(values)


def _spoilt(batch: bytes) -> bytes:
    spoilt = batch.replace(_NAME, b"\xff" * len(_NAME))
    checksum = _CRC.pack(calc_crc32c(spoilt[_CRC_FROM:]))
    return spoilt[:_CRC_AT] + checksum + spoilt[_CRC_FROM:]
