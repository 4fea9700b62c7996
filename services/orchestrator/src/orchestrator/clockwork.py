"""Deadlines: finds those that have passed and lets the handlers take them."""

import asyncio
from collections.abc import Mapping, Sequence

from malipo.messaging.database import blames_message
from malipo.messaging.unit import Units
from malipo.platform.logs import log
from orchestrator import handlers, store

_PAYMENTS_AT_ONCE = 200
_POLL_SECONDS = 0.25
_PUT_OFF_SECONDS = 60.0

Due = Mapping[str, Sequence[str]]


async def run(units: Units) -> None:
    """Tick until cancelled."""
    while True:
        if await tick(units) < _PAYMENTS_AT_ONCE:
            await asyncio.sleep(_POLL_SECONDS)


async def tick(units: Units) -> int:
    """Take one batch of deadlines; answers of how many payments. Several replicas may tick at once.

    One payment whose deadlines cannot be taken is put off and alerted; it stops no other.
    """
    due = await store.due(units, _PAYMENTS_AT_ONCE)
    try:
        return await _ring(units, due) if due else 0
    except Exception as error:
        if not blames_message(error):
            raise
        return sum([await _ring_alone(units, payment_id, subjects) for payment_id, subjects in due.items()])


async def _ring(units: Units, due: Due) -> int:
    async with units.begin() as unit:
        return await handlers.ring(unit, due)


async def _ring_alone(units: Units, payment_id: str, subject_ids: Sequence[str]) -> int:
    try:
        return await _ring(units, {payment_id: subject_ids})
    except Exception as error:
        if not blames_message(error):
            raise
        log.exception("deadline cannot be taken", payment_id=payment_id, error=repr(error))
    async with units.begin() as unit:
        await store.put_off(unit, payment_id, _PUT_OFF_SECONDS)
    return 0
