"""What runs without being asked: the attempts, the end of what cannot be delivered, the gauges, the clean-up."""

import asyncio
from collections.abc import Sequence

from malipo import clock
from malipo.contracts.deliveries import DeliveryReported
from malipo.contracts.topics import DELIVERIES
from malipo.messaging.database import Row
from malipo.messaging.executor import Executor
from malipo.messaging.unit import Units
from webhook_dispatcher import metrics, queue, store
from webhook_dispatcher.courier import Courier
from webhook_dispatcher.queue import Delivery

GONE_SLICE = 500
_GONE_SECONDS = 1.0
_GAUGE_SECONDS = 10.0
_PURGE_SECONDS = 3600.0


def executor(units: Units, courier: Courier, *, limit: int, per_endpoint: int) -> Executor[Delivery]:
    """Runs due deliveries, up to `limit` in this process and `per_endpoint` over all replicas."""

    async def claim(token: str, count: int) -> Sequence[Delivery]:
        async with units.begin() as unit:
            return await queue.claim(unit.connection, token, count, per_endpoint)

    async def renew(token: str, delivery_ids: Sequence[str]) -> set[str]:
        async with units.begin() as unit:
            return await queue.renew(unit.connection, token, delivery_ids)

    return Executor("deliveries", units, claim=claim, run=courier.run, renew=renew, limit=limit)


class Clockwork:
    """The loops beside the executor. Each may run in every replica at once."""

    def __init__(self, units: Units, *, keep_days: int) -> None:
        self._units = units
        self._keep_days = keep_days

    async def end_gone(self) -> None:
        """End and report what waits for endpoints that are gone, a slice at a time."""
        while True:
            if not await self._end_gone_slice():
                await asyncio.sleep(_GONE_SECONDS)

    async def watch(self) -> None:
        """Keep the gauges of the backlog."""
        while True:
            async with self._units.begin() as unit:
                backlog = await queue.backlog(unit.connection)
            metrics.PENDING.set(backlog.pending)
            metrics.IN_FLIGHT.set(backlog.in_flight)
            metrics.OLDEST_DUE_SECONDS.set(backlog.oldest_due_seconds)
            metrics.WAITING_MESSAGES.set(backlog.waiting_messages)
            await asyncio.sleep(_GAUGE_SECONDS)

    async def purge(self) -> None:
        """Forget what ended long ago, a slice at a time."""
        while True:
            async with self._units.begin() as unit:
                more = await store.purge(unit.connection, self._keep_days)
            if not more:
                await asyncio.sleep(_PURGE_SECONDS)

    async def _end_gone_slice(self) -> bool:
        async with self._units.begin() as unit:
            rows = await queue.end_gone(unit.connection, GONE_SLICE)
            for row in rows:
                unit.send(DELIVERIES, row["endpoint_id"], _gone(row), headers=row["headers"])
        metrics.ENDED_UNSENT.inc(len(rows))
        return len(rows) == GONE_SLICE


def _gone(row: Row) -> DeliveryReported:
    """`attempt` counts those made before, so it may be 0."""
    return DeliveryReported(
        delivery_id=row["delivery_id"],
        endpoint_id=row["endpoint_id"],
        event_id=row["event_id"],
        payment_id=row["payment_id"],
        merchant_id=row["merchant_id"],
        attempt=row["attempts"],
        result="endpoint_gone",
        duration_ms=0,
        attempted_at=clock.now(),
        error="the endpoint is gone",
    )
