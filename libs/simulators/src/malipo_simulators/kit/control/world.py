"""Control routes that move the world on: clock and reset."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.world import AnyWorld


class Advance(BaseModel):
    model_config = ConfigDict(extra="forbid")

    advance_seconds: Annotated[int, Field(ge=0, le=366 * 86_400)]


def world_routes(world: AnyWorld, run_due: Callable[[], Json]) -> APIRouter:
    """`run_due` does what is due by the clock that was just moved, and counts it for the response."""
    router = APIRouter(prefix="/_sim", tags=["The world"])

    @router.post("/reset", status_code=204, summary="Forget everything, endpoints and rules too")
    async def reset() -> None:
        await world.reset()

    @router.post("/clock", summary="Move the clock forward")
    async def clock(step: Advance) -> Json:
        """What is due by then happens at once: what waits for a customer lapses, idempotency keys expire.

        Signatures of webhooks and pauses between their retries keep to real time.
        """
        world.clock.advance(step.advance_seconds)
        done = run_due()
        return {"now": world.clock.now(), "advanced_seconds": world.clock.advanced_seconds, **done}

    return router
