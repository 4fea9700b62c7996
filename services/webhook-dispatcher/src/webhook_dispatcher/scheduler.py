"""What runs by the clock: the end of what cannot be delivered, what is overtaken, and the gauges."""

from functools import partial

from malipo.contracts.config import ConfigurationMissed
from malipo.contracts.deliveries import DeliveryReported
from malipo.contracts.topics import DELIVERIES
from malipo.messaging.database import Database
from malipo.messaging.pool import Row
from malipo.messaging.runtime import Runtime
from malipo.platform.logs import log
from webhook_dispatcher import metrics, queue, store
from webhook_dispatcher.settings import Settings

GONE_SLICE = 500
_GONE_SECONDS = 1.0
OVERTAKE_SLICE = 500
_OVERTAKE_SECONDS = 1.0
_GAUGE_SECONDS = 10.0
_BEHIND_SECONDS = 5.0  # a configuration that is on its way is here by then
_LONGEST_SECONDS = 900.0
_MERCHANTS = 100


def schedule(runtime: Runtime, settings: Settings) -> None:
    """Have each sweep run for as long as the service does."""
    runtime.sweep("gone endpoints", _GONE_SECONDS, end_gone)
    runtime.sweep("overtaken", _OVERTAKE_SECONDS, partial(overtake, after_seconds=settings.overtake_after_seconds))
    runtime.sweep("configurations", _BEHIND_SECONDS, _ask_and_wait)
    runtime.sweep("backlog gauges", _GAUGE_SECONDS, watch)


async def ask(database: Database) -> int:
    """Request configurations that are waited for, each ever less often; returns how many. All replicas may run it."""
    async with database.begin() as unit:
        merchant_ids = await store.ask(unit.transaction, _BEHIND_SECONDS, _LONGEST_SECONDS, _MERCHANTS)
        for merchant_id in merchant_ids:
            unit.send(DELIVERIES, merchant_id, ConfigurationMissed(merchant_id=merchant_id), headers={})
    return len(merchant_ids)


async def _ask_and_wait(database: Database) -> None:
    await ask(database)


async def watch(database: Database) -> None:
    """Set the gauges of the backlog."""
    backlog = await queue.backlog(database)
    metrics.PENDING.set(backlog.pending)
    metrics.IN_FLIGHT.set(backlog.in_flight)
    metrics.OLDEST_DUE_SECONDS.set(backlog.oldest_due_seconds)
    metrics.WAITING_EVENTS.set(backlog.waiting_events)
    metrics.OVERTAKEN.set(backlog.overtaken)


async def end_gone(database: Database) -> bool:
    """End and report a slice of what waits for endpoints that are gone; returns whether there may be more."""
    if not await queue.any_gone(database):
        return False
    async with database.begin() as unit:
        rows = await queue.end_gone(unit.transaction, GONE_SLICE)
        for row in rows:
            unit.send(DELIVERIES, row["endpoint_id"], _gone(row), headers=row["headers"])
    metrics.ENDED_UNSENT.inc(len(rows))
    return len(rows) == GONE_SLICE


async def overtake(database: Database, after_seconds: float) -> bool:
    """Let later events go past a slice of what has failed for `after_seconds`; returns whether there may be more."""
    if not await queue.any_stuck(database, after_seconds):
        return False
    async with database.begin() as unit:
        rows = await queue.overtake(unit.transaction, after_seconds, OVERTAKE_SLICE)
        if rows:
            await queue.promote(unit.transaction, [(row["endpoint_id"], row["payment_id"]) for row in rows])
    for row in rows:
        log.warning("webhook overtaken", **dict(row), failed_for_seconds=after_seconds)
    return len(rows) == OVERTAKE_SLICE


def _gone(row: Row) -> DeliveryReported:
    """Numbered as the attempt that is not made: the number before belongs to the report of the last one that was."""
    return DeliveryReported(
        delivery_id=row["delivery_id"],
        endpoint_id=row["endpoint_id"],
        event_id=row["event_id"],
        payment_id=row["payment_id"],
        merchant_id=row["merchant_id"],
        attempt=row["attempts"] + 1,
        result="endpoint_gone",
        duration_ms=0,
        attempted_at=row["ended_at"],
        error="the endpoint is gone",
    )
