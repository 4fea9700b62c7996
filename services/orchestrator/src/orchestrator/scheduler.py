"""What runs by the clock: deadlines that have passed go to the handlers, and gauges show what is in doubt."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from prometheus_client import Gauge

from malipo.messaging.database import Database
from malipo.messaging.isolation import isolated
from malipo.messaging.runtime import Runtime
from malipo.platform import logs
from malipo.platform.logs import log
from orchestrator import handlers, rollcall, store, suspense
from orchestrator.settings import Settings

_PAYMENTS_AT_ONCE = 200
_LOOK_SECONDS = 1.0
_POSTPONE_SECONDS = 60.0
_GAUGE_SECONDS = 5.0

DOUBTS = Gauge(
    "malipo_doubts",
    f"Payments and operations in doubt, of all replicas; counted every {_GAUGE_SECONDS:g} s: a shorter doubt may not show.",
    ("subject",),
)
OLDEST_DOUBT_SECONDS = Gauge(
    "malipo_doubt_oldest_seconds",
    f"For how long the oldest doubt has lasted, of all replicas; looked up every {_GAUGE_SECONDS:g} s; 0 when there is none.",
    ("subject",),
)
SUSPENSE = Gauge(
    "malipo_suspense_open",
    "Money that no payment explains and nobody has settled yet, of all replicas: how many pieces (alert on any).",
    ("provider",),
)
OLDEST_SUSPENSE_SECONDS = Gauge(
    "malipo_suspense_oldest_seconds",
    "For how long the oldest money in suspense has waited for a person, of all replicas; 0 when there is none.",
    ("provider",),
)


def schedule(runtime: Runtime, settings: Settings) -> None:
    """Have each sweep run for as long as the service does."""
    runtime.sweep("deadlines", _LOOK_SECONDS, partial(tick, restored_at=settings.restored_at))
    runtime.loop("roll call", lambda: rollcall.run(runtime.database, settings.roll_calls))
    runtime.sweep("gauges", _GAUGE_SECONDS, watch)


async def watch(database: Database) -> None:
    """Set the gauges of what is in doubt and in suspense."""
    for subject, (number, oldest_seconds) in (await store.doubts(database.reads)).items():
        DOUBTS.labels(subject).set(number)
        OLDEST_DOUBT_SECONDS.labels(subject).set(oldest_seconds)
    for provider, (number, oldest_seconds) in (await suspense.counted(database.reads)).items():
        SUSPENSE.labels(provider).set(number)
        OLDEST_SUSPENSE_SECONDS.labels(provider).set(oldest_seconds)


async def tick(database: Database, restored_at: datetime | None = None) -> bool:
    """Fire one batch of deadlines; returns whether there may be more.

    One payment whose deadlines cannot be fired is postponed and alerted; it stops no other.
    """

    async def fire(payment_ids: Sequence[str]) -> Sequence[None]:
        await database.transact(partial(handlers.fire_timers, payment_ids=payment_ids, restored_at=restored_at))
        return [None] * len(payment_ids)

    due = await store.due(database.reads, _PAYMENTS_AT_ONCE)
    if due:
        for payment_id, error in zip(due, await isolated(due, fire), strict=True):
            if error is not None:
                await _postpone(database, payment_id, error)
    return len(due) == _PAYMENTS_AT_ONCE


async def _postpone(database: Database, payment_id: str, error: Exception) -> None:
    headers = handlers.context_of(*await store.context(database.reads, payment_id))
    log.error("deadline cannot be fired", error=repr(error), exc_info=error, **logs.facts(payment_id, headers))
    await store.postpone(database, payment_id, _POSTPONE_SECONDS)
