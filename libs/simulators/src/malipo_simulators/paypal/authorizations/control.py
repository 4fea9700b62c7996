"""Control routes for authorizations: end the review of one, as PayPal."""

from typing import Literal

from fastapi import APIRouter, HTTPException

from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.shapes import Json
from malipo_simulators.paypal.authorizations import lifecycle
from malipo_simulators.paypal.objects.models import Authorization
from malipo_simulators.paypal.objects.render import render_authorization
from malipo_simulators.paypal.state.change import Change
from malipo_simulators.paypal.state.world import PaypalWorld

type Ending = Literal["settle", "deny"]
ENDINGS = {"settle": lifecycle.settle, "deny": lifecycle.deny}


def authorization_routes(world: PaypalWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim/authorizations", tags=["PayPal's decisions"])

    @router.post("/{authorization_id}/{ending}", summary="Settle or deny a pending authorization")
    async def decide(authorization_id: str, ending: Ending) -> Json:
        change, one = authorized(world, authorization_id)
        if not ENDINGS[ending](change, one):
            raise HTTPException(409, f"Authorization {authorization_id} is {one.status}.")
        return render_authorization(one)

    return router


def authorized(world: PaypalWorld, authorization_id: str) -> tuple[Change, Authorization]:
    for account in world.accounts.values():
        one = account.authorizations.find(authorization_id)
        if one is not None:
            return Change(world, account, Cause("POST", f"/_sim/authorizations/{authorization_id}")), one
    raise HTTPException(404, f"No authorization {authorization_id} in this simulator.")
