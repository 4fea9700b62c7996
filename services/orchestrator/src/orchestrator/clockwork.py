"""Deadlines: finds those that have passed and lets the handlers take them."""

import asyncio

from malipo.messaging.unit import Units
from orchestrator import handlers, store

_PAYMENTS_AT_ONCE = 200
_POLL_SECONDS = 0.25


async def tick(units: Units) -> int:
    """Take one batch of deadlines; answers of how many payments. Several replicas may tick at once."""
    due = await store.due(units, _PAYMENTS_AT_ONCE)
    if due:
        async with units.begin() as unit:
            await handlers.ring(unit, due)
    return len(due)


async def run(units: Units) -> None:
    """Tick until cancelled."""
    while True:
        if await tick(units) < _PAYMENTS_AT_ONCE:
            await asyncio.sleep(_POLL_SECONDS)
