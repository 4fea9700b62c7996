"""Control route that keeps a payment out of statements for a while, as when M-Pesa is late with it."""

from typing import Annotated

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from malipo_simulators.kit.shapes import Json
from malipo_simulators.mpesa.state.world import MpesaWorld


class Lateness(BaseModel):
    model_config = ConfigDict(extra="forbid")

    seconds: Annotated[int, Field(ge=0, description="From now, by the simulator's clock.")]


def pull_routes(world: MpesaWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim", tags=["Statements"])

    @router.post("/transactions/{receipt}/hold_back", summary="Keep a payment out of Pull Transactions for a while")
    async def hold_back(receipt: str, late: Lateness) -> Json:
        """It has happened: it is in the book, and shows at its own time once it shows."""
        if world.ledger.find(receipt) is None:
            raise HTTPException(404, f"No transaction {receipt} in this simulator.")
        shows_from = world.clock.now() + late.seconds
        world.ledger.hold_back(receipt, shows_from)
        return {"receipt": receipt, "shows_from": shows_from}

    return router
