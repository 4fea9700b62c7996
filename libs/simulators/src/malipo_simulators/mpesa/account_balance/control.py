"""Control route that takes what a shortcode has to its bank."""

from typing import Annotated

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from malipo_simulators.kit.shapes import Json
from malipo_simulators.mpesa.state.shortcodes import SHORTCODE
from malipo_simulators.mpesa.state.world import MpesaWorld


class Withdrawal(BaseModel):
    """`amount` in whole shillings; left out, it is all there is."""

    model_config = ConfigDict(extra="forbid")

    amount: Annotated[int, Field(ge=1)] | None = None


def balance_routes(world: MpesaWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim/shortcodes/{code}", tags=["Shortcodes"])

    @router.post("/withdrawals", summary="Take money to the bank: what is gone cannot be reversed or paid out")
    async def withdraw(code: str, wanted: Withdrawal) -> Json:
        if not SHORTCODE.fullmatch(code):
            raise HTTPException(404, "A shortcode has five to seven digits.")
        has = world.balance_of(code)
        amount = has if wanted.amount is None else wanted.amount
        if amount > has:
            raise HTTPException(409, f"Shortcode {code} has {has}.")
        world.shortcode(code).withdrawn += amount
        return {"shortcode": code, "balance": has - amount}

    return router
