"""Control routes for authorizations: end the review of one, as PayPal."""

from typing import Literal

from fastapi import APIRouter, HTTPException

from malipo_simulators.kit.shapes import Json
from malipo_simulators.paypal.authorizations import lifecycle
from malipo_simulators.paypal.objects.render import render_authorization
from malipo_simulators.paypal.state.finding import find
from malipo_simulators.paypal.state.world import PaypalWorld

type Ending = Literal["settle", "deny"]
ENDINGS = {"settle": lifecycle.settle, "deny": lifecycle.deny}


def authorization_routes(world: PaypalWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim/authorizations", tags=["PayPal's decisions"])

    @router.post("/{authorization_id}/{ending}", summary="Settle or deny a pending authorization")
    async def decide(authorization_id: str, ending: Ending) -> Json:
        change, one = find(world, "authorization", authorization_id, lambda account: account.authorizations)
        if not ENDINGS[ending](change, one):
            raise HTTPException(409, f"Authorization {authorization_id} is {one.status}.")
        return render_authorization(one)

    return router
