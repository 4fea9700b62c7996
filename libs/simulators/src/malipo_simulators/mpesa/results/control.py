"""Control route that shows what came of accepted requests, whether or not their results arrived."""

from fastapi import APIRouter

from malipo_simulators.kit.shapes import Json
from malipo_simulators.mpesa.state.world import MpesaWorld


def result_routes(world: MpesaWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim", tags=["What happened"])

    @router.get("/results", summary="What came of reversals, payouts and queries, newest last")
    async def results(shortcode: str | None = None) -> list[Json]:
        """A request that timed out in the queue is not among them: nothing came of it."""
        return [one.as_json() for one in world.conversations.latest(shortcode)]

    return router
