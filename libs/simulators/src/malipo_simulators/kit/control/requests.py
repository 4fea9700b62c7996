"""Control routes that show the requests received, and the simulator's health."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from malipo_simulators.kit.request_log import LogFilter
from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.world import AnyWorld


def log_filter(method: str | None = None, path: str | None = None, idempotency_key: str | None = None) -> LogFilter:
    return LogFilter(method, path, idempotency_key)


def request_routes(world: AnyWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim", tags=["What happened"])

    @router.get("/requests", summary="The API requests received, newest last")
    async def requests(
        wanted: Annotated[LogFilter, Depends(log_filter)], limit: Annotated[int, Query(ge=1, le=20_000)] = 1_000
    ) -> list[Json]:
        return world.requests.latest(limit, wanted)

    @router.get("/health", summary="Alive, with counters")
    async def health() -> Json:
        couriers = world.couriers()
        return {
            "status": "ok",
            "seed": world.settings.seed,
            "now": world.clock.now(),
            "requests": world.requests.count,
            **world.counters(),
            "webhooks": {"endpoints": len(couriers), "pending": sum(one.pending for one in couriers)},
        }

    return router
