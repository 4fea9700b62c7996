"""What the gateway does by the clock: forgets old idempotency keys and old entries of the audit log."""

import asyncio

from gateway import audit, idempotency
from malipo.messaging.unit import Units

_PURGE_SECONDS = 3600.0


async def purge(units: Units, idempotency_days: int, audit_days: int) -> None:
    """Once an hour, slice by slice, until cancelled."""
    while True:
        more_keys = await idempotency.purge(units, idempotency_days)
        more_entries = await audit.purge(units, audit_days)
        if not more_keys and not more_entries:
            await asyncio.sleep(_PURGE_SECONDS)
