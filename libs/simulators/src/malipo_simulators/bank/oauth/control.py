"""Control route that ends tokens early."""

from typing import Annotated

from fastapi import APIRouter, Query

from malipo_simulators.bank.state.world import BankWorld
from malipo_simulators.kit.shapes import Json


def token_routes(world: BankWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim/tokens", tags=["Tokens"])

    @router.post("/kill", summary="End the live tokens of one client, or of all")
    async def kill(client_id: Annotated[str | None, Query()] = None) -> Json:
        return {"killed": world.tokens.kill_all(client_id)}

    return router
