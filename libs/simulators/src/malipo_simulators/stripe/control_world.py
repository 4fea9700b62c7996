"""Control routes that move the world on: clock, refunds that end, reset."""

from typing import Annotated

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from malipo_simulators.stripe import refunds
from malipo_simulators.stripe.lapse import lapse_authorizations
from malipo_simulators.stripe.shapes import Json
from malipo_simulators.stripe.work import Work
from malipo_simulators.stripe.world import Cause, World


class Advance(BaseModel):
    model_config = ConfigDict(extra="forbid")

    advance_seconds: Annotated[int, Field(ge=0, le=366 * 86_400)]


def world_routes(world: World) -> APIRouter:
    router = APIRouter(prefix="/_sim", tags=["The world"])

    @router.post("/reset", status_code=204, summary="Forget everything, endpoints and rules too")
    async def reset() -> None:
        await world.reset()

    @router.post("/clock", summary="Move the clock forward")
    async def clock(step: Advance) -> Json:
        """Idempotency keys expire after 24 h of this clock, uncaptured authorizations after 7 days.

        Signatures of webhooks and pauses between their retries keep to real time.
        """
        world.clock.advance(step.advance_seconds)
        lapsed = lapse_authorizations(world)
        return {"now": world.clock.now(), "advanced_seconds": world.clock.advanced_seconds, "lapsed": lapsed}

    @router.post("/refunds/{refund_id}/{ending}", summary="Let a refund succeed or fail now")
    async def end_refund(refund_id: str, ending: refunds.EndingName) -> Json:
        for account in world.accounts.values():
            refund = account.refunds.find(refund_id)
            if refund is not None:
                work = Work(world, account, Cause("POST", f"/_sim/refunds/{refund_id}/{ending}"))
                if not refunds.BY_NAME[ending](work, refund):
                    raise HTTPException(409, f"Refund {refund_id} is {refund.status}.")
                return {"id": refund.id, "status": refund.status}
        raise HTTPException(404, f"No refund {refund_id} in this simulator.")

    return router
