"""Control route that ends access tokens early."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query

from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.tokens import Tokens


def token_routes(tokens: Callable[[], Tokens]) -> APIRouter:
    """`tokens` gives those of the world as it is: a reset makes others."""
    router = APIRouter(prefix="/_sim/tokens", tags=["Tokens"])

    @router.post("/kill", summary="End the live tokens of one client, or of all")
    async def kill(
        client_id: Annotated[str | None, Query(description="M-Pesa's clients are apps: `app_...`.")] = None,
    ) -> Json:
        return {"killed": tokens().kill_all(client_id)}

    return router
