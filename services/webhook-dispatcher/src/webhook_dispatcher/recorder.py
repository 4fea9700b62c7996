"""Records the results of attempts: attempt, delivery and report in one statement for all that end together."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from malipo import ids
from malipo.contracts.deliveries import DeliveryReported, DeliveryResult
from malipo.contracts.topics import DELIVERIES
from malipo.messaging.database import Database
from malipo.messaging.group_commit import GroupCommit
from malipo.messaging.pool import time_of
from malipo.messaging.unit_of_work import UnitOfWork, outbox_row
from webhook_dispatcher import queue
from webhook_dispatcher.queue import Delivery
from webhook_dispatcher.result import ReceiverResponse


class DeliveryAttempt(NamedTuple):
    """One attempt that is over. `wait_seconds` is until the next one, when the result is `retrying`."""

    delivery: Delivery
    attempted_at: datetime
    duration_ms: int
    response: ReceiverResponse
    result: DeliveryResult
    wait_seconds: float | None

    @property
    def number(self) -> int:
        """From 1. An attempt whose process died is not counted: its number is used again."""
        return self.delivery.attempts + 1

    def report(self, next_at: datetime | None, overtaken_at: datetime | None) -> DeliveryReported:
        """The report to the gateway. Later events of the payment wait until `overtaken_at` at most."""
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
            http_status=self.response.status,
            error=self.response.error,
            next_attempt_at=next_at,
            later_events_wait_until=overtaken_at,
        )


_MAX_BATCH = 500


class Recorder:
    """Writes the attempts that end together with one statement; when that fails, each with one of its own.

    An attempt whose lease was lost changes nothing: the delivery belongs to another replica by now.
    """

    def __init__(self, database: Database, overtake_after_seconds: float) -> None:
        self._database = database
        self._patience = timedelta(seconds=overtake_after_seconds)
        self._attempts = GroupCommit(self._write, most=_MAX_BATCH)

    async def record(self, attempt: DeliveryAttempt) -> bool:
        """Finish once the attempt is committed. Raises what its statement raised, and then nothing of it is written.

        Returns whether others may be due now: the next one of its payment, or one for which its endpoint had no room.
        """
        return await self._attempts.add(attempt)

    async def _write(self, attempts: Sequence[DeliveryAttempt]) -> list[bool]:
        retrying = any(attempt.wait_seconds is not None for attempt in attempts)
        now = await time_of(self._database.reads) if retrying else None
        more_due: list[bool] = []

        async def write(unit: UnitOfWork) -> None:
            queue.end(unit, [_end(attempt, now, self._patience) for attempt in attempts], more_due.append)

        await self._database.transact(write)
        return more_due * len(attempts)


def _end(attempt: DeliveryAttempt, now: datetime | None, patience: timedelta) -> queue.AttemptRow:
    """`now` is PostgreSQL's, and given when any attempt is to be made again."""
    delivery, next_at, failing_since, overtaken_at = attempt.delivery, None, None, None
    if attempt.wait_seconds is not None:
        assert now is not None
        next_at = now + timedelta(seconds=attempt.wait_seconds)
        failing_since = delivery.failing_since or now
        overtaken_at = failing_since + patience
    return queue.AttemptRow(
        delivery_id=delivery.id,
        lease_token=delivery.lease_token,
        attempt=attempt.number,
        attempted_at=attempt.attempted_at,
        duration_ms=attempt.duration_ms,
        result=attempt.result,
        http_status=attempt.response.status,
        error=attempt.response.error,
        response=attempt.response.body_start,
        due_at=next_at,
        failing_since=failing_since,
        report=outbox_row(
            ids.new("msg"), DELIVERIES, delivery.endpoint_id, attempt.report(next_at, overtaken_at), delivery.headers
        ),
    )
