"""Kafka's records: read as messages, and as much of one that cannot be read as may be kept and logged."""

import base64

import asyncpg
from aiokafka import ConsumerRecord

from malipo.contracts.message import Message
from malipo.contracts.topics import BY_NAME
from malipo.messaging.pool import without_nul
from malipo.messaging.subscription import Received
from malipo.messaging.unit_of_work import MESSAGE_ID
from malipo.platform import logs, tracing

Record = ConsumerRecord[bytes | None, bytes | None]

_CARRIED = (tracing.TRACEPARENT, "tracestate", tracing.CLIENT_REF)
# Of our own headers an idempotency key with its request is the longest: 255 characters that JSON escapes.
_MAX_TEXT_CHARS = 1_000


def read(record: Record) -> Received[Message]:
    """The message in a record. Raises `MsgspecError`, `UnicodeDecodeError` or `ValueError` when it is not one of ours."""
    headers, topic = headers_of(record), BY_NAME[record.topic]
    message = topic.decode(record.value or b"")
    if unknown := topic.unknown_method(message):
        msg = f"a payment's method that this release does not know: {storable(unknown)}"
        raise ValueError(msg)
    return Received(
        message=message,
        message_id=message_id_of(record),
        topic=record.topic,
        key=(record.key or b"").decode(),
        headers={name: headers[name] for name in _CARRIED if name in headers},
    )


def headers_of(record: Record) -> dict[str, str]:
    """The record's headers as text; bytes that are no text come as base64."""
    return {name: _text(value) for name, value in record.headers}


def message_id_of(record: Record) -> str:
    """The id that the producer gave, else the record's position, which is as unique."""
    return headers_of(record).get(MESSAGE_ID) or position_of(record)


def position_of(record: Record) -> str:
    """Where the record is, in one word."""
    return f"{record.topic}:{record.partition}:{record.offset}"


def storable(text: str) -> str:
    """The text as a header or key can hold it: Kafka takes nothing of a megabyte."""
    return without_nul(text)[:_MAX_TEXT_CHARS]


def summary(error: Exception) -> str:
    """What is wrong, without the row that PostgreSQL adds as detail: it may hold a merchant's data."""
    message = error.args[0] if isinstance(error, asyncpg.PostgresError) and error.args else error
    return f"{type(error).__name__}: {message}"[:_MAX_TEXT_CHARS]


def facts(record: Record) -> dict[str, str]:
    """The log fields of a record's payment, in topics whose keys are payments' ids."""
    key = (record.key or b"").decode(errors="replace")
    return logs.facts(key, headers_of(record)) if key.startswith("pay_") else {}


def _text(value: bytes | None) -> str:
    try:
        return (value or b"").decode()
    except UnicodeDecodeError:
        return base64.b64encode(value or b"").decode()
