"""What runs by the clock: deadlines that have passed go to the handlers, and gauges show what is in doubt."""

import asyncio
from functools import partial

from prometheus_client import Gauge

from malipo import ids
from malipo.messaging.database import blames_message
from malipo.messaging.unit import Units
from malipo.platform import logs
from malipo.platform.logs import log
from orchestrator import handlers, store

_PAYMENTS_AT_ONCE = 200
_POLL_SECONDS = 0.25
_PUT_OFF_SECONDS = 60.0
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


async def run(units: Units) -> None:
    """Tick until cancelled."""
    while True:
        if await tick(units) < _PAYMENTS_AT_ONCE:
            await asyncio.sleep(_POLL_SECONDS * ids.jitter(0.3))  # two replicas that tick together do the same work


async def watch(units: Units) -> None:
    """Keep the gauges of what is in doubt, until cancelled."""
    while True:
        for subject, (number, oldest_seconds) in (await store.doubts(units.reads)).items():
            DOUBTS.labels(subject).set(number)
            OLDEST_DOUBT_SECONDS.labels(subject).set(oldest_seconds)
        await asyncio.sleep(_GAUGE_SECONDS)


async def tick(units: Units) -> int:
    """Take one batch of deadlines; answers of how many payments. Several replicas may tick at once.

    One payment whose deadlines cannot be taken is put off and alerted; it stops no other.
    """
    try:
        return await units.settle(partial(handlers.ring, limit=_PAYMENTS_AT_ONCE))
    except Exception as error:
        if not blames_message(error):
            raise
    due = await store.due(units.reads, _PAYMENTS_AT_ONCE)
    return sum([await _ring_alone(units, payment_id) for payment_id in due])


async def _ring_alone(units: Units, payment_id: str) -> int:
    try:
        return await units.settle(partial(handlers.ring, limit=1, payment_id=payment_id))
    except Exception as error:
        if not blames_message(error):
            raise
        headers = handlers.origin(*await store.origin(units.reads, payment_id))
        log.exception("deadline cannot be taken", error=repr(error), **logs.facts(payment_id, headers))
    await store.put_off(units, payment_id, _PUT_OFF_SECONDS)
    return 0
