"""Writes down what became of attempts: attempt, delivery and report in one transaction, shared by those that end together."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from malipo.contracts.deliveries import DeliveryReported
from malipo.contracts.topics import DELIVERIES
from malipo.messaging.collector import Collector
from malipo.messaging.database import AWAY, Connection
from malipo.messaging.unit import Unit, Units
from webhook_dispatcher import queue
from webhook_dispatcher.queue import Delivery
from webhook_dispatcher.verdict import Answer, Result


class Attempt(NamedTuple):
    """One attempt that is over."""

    delivery: Delivery
    attempted_at: datetime
    duration_ms: int
    answer: Answer
    result: Result
    next_attempt_at: datetime | None

    @property
    def number(self) -> int:
        """From 1. An attempt whose process died is not counted: its number is used again."""
        return self.delivery.attempts + 1

    def report(self) -> DeliveryReported:
        """What the gateway is told."""
        return DeliveryReported(
            delivery_id=self.delivery.id,
            endpoint_id=self.delivery.endpoint_id,
            event_id=self.delivery.event_id,
            payment_id=self.delivery.payment_id,
            merchant_id=self.delivery.merchant_id,
            attempt=self.number,
            result=self.result,
            duration_ms=self.duration_ms,
            attempted_at=self.attempted_at,
            http_status=self.answer.status,
            error=self.answer.error,
            next_attempt_at=self.next_attempt_at,
        )


_MAX_BATCH = 500
_ADD_ATTEMPTS = """
INSERT INTO attempts (delivery_id, attempt, attempted_at, duration_ms, result, http_status, error, response)
SELECT * FROM unnest($1::text[], $2::integer[], $3::timestamptz[], $4::integer[], $5::text[], $6::integer[], $7::text[],
                     $8::text[])
"""


class Recorder:
    """Writes the attempts that end together in one transaction; when that fails, each in one of its own.

    An attempt whose lease was lost changes nothing: the delivery is another's by now.
    """

    def __init__(self, units: Units) -> None:
        self._units = units
        self._attempts = Collector(self._write, most=_MAX_BATCH)

    async def record(self, attempt: Attempt) -> None:
        """Returns once the attempt is committed. Raises what its transaction raised, and then nothing of it is written."""
        try:
            await self._attempts.add(attempt)
        except AWAY:
            raise
        except Exception:  # noqa: BLE001 - whichever it was that cannot be written, its neighbours can
            await self._write([attempt])

    async def _write(self, attempts: Sequence[Attempt]) -> None:
        async with self._units.begin() as unit:
            await _write(unit, attempts)


async def _write(unit: Unit, attempts: Sequence[Attempt]) -> None:
    gone = [attempt.delivery.endpoint_id for attempt in attempts if attempt.result == "endpoint_gone"]
    if gone:
        await queue.disable(unit.connection, gone)
    mine = await queue.end(unit.connection, [_end(attempt) for attempt in attempts])
    written = [attempt for attempt in attempts if attempt.delivery.id in mine]
    if not written:
        return
    await _add(unit.connection, written)
    await queue.promote(unit.connection, [(a.delivery.endpoint_id, a.delivery.payment_id) for a in written])
    for attempt in written:
        unit.send(DELIVERIES, attempt.delivery.endpoint_id, attempt.report(), headers=attempt.delivery.headers)


def _end(attempt: Attempt) -> queue.End:
    state = "pending" if attempt.result == "retrying" else attempt.result
    return queue.End(attempt.delivery.id, attempt.delivery.lease_token, state, attempt.next_attempt_at)


async def _add(connection: Connection, attempts: Sequence[Attempt]) -> None:
    rows = [(a.delivery.id, a.number, a.attempted_at, a.duration_ms, a.result, *_heard(a.answer)) for a in attempts]
    await connection.execute(_ADD_ATTEMPTS, *map(list, zip(*rows, strict=True)))


def _heard(answer: Answer) -> tuple[int | None, str | None, str]:
    return answer.status, answer.error, answer.body_start
