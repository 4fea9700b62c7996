"""Control route that ends tokens early, as if somebody else had asked for one."""

from typing import Annotated

from fastapi import APIRouter, Query

from malipo_simulators.kit.shapes import Json
from malipo_simulators.mpesa.state.world import MpesaWorld


def token_routes(world: MpesaWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim/tokens", tags=["Tokens"])

    @router.post("/kill", summary="End the live tokens of one app, or of all")
    async def kill(
        account: Annotated[str | None, Query(description="app_ id, as in the book and the request log.")] = None,
    ) -> Json:
        return {"killed": world.apps.kill_all(account)}

    return router
