"""Control routes for captures: end what is pending, or take back what has come, as PayPal."""

from typing import Literal

from fastapi import APIRouter, HTTPException

from malipo_simulators.kit.shapes import Json
from malipo_simulators.paypal.captures import lifecycle
from malipo_simulators.paypal.objects.render import render_capture
from malipo_simulators.paypal.state.finding import find
from malipo_simulators.paypal.state.world import PaypalWorld

type Ending = Literal["settle", "deny", "reverse"]
ENDINGS = {"settle": lifecycle.settle, "deny": lifecycle.deny, "reverse": lifecycle.reverse}


def capture_routes(world: PaypalWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim/captures", tags=["PayPal's decisions"])

    @router.post("/{capture_id}/{ending}", summary="Settle or deny a pending capture, or reverse a completed one")
    async def decide(capture_id: str, ending: Ending) -> Json:
        change, capture = find(world, "capture", capture_id, lambda account: account.captures)
        if not ENDINGS[ending](change, capture):
            raise HTTPException(409, f"Capture {capture_id} is {capture.status}.")
        return render_capture(capture)

    return router
