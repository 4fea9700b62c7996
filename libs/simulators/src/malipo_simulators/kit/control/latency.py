"""Control routes for how long answers take."""

from fastapi import APIRouter

from malipo_simulators.kit.latency import Latency
from malipo_simulators.kit.world import AnyWorld


def latency_routes(world: AnyWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim/latency", tags=["Latency"])

    @router.put("", summary="Have answers take as long as this distribution says")
    async def put(latency: Latency) -> Latency:
        """Of every request of the API from now on; what a fault adds comes on top. Drawn from the seed, not from chance."""
        world.latencies.set_to = latency
        return latency

    @router.get("", summary="The distribution, null while answers come at once")
    async def show() -> Latency | None:
        return world.latencies.set_to

    @router.delete("", status_code=204, summary="Have answers come at once")
    async def clear() -> None:
        world.latencies.set_to = None

    return router
