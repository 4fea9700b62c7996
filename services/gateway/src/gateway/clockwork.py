"""What the gateway does by the clock: forgets old idempotency keys."""

import asyncio

from gateway import idempotency
from malipo.messaging.unit import Units

_PURGE_SECONDS = 3600.0


async def purge(units: Units, idempotency_days: int) -> None:
    """Once an hour, until cancelled."""
    while True:
        await idempotency.purge(units.pool, idempotency_days)
        await asyncio.sleep(_PURGE_SECONDS)
