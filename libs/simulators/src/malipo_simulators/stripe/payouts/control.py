"""Control routes for payouts: the automatic one of a day, and what the merchant's bank does with it."""

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.objects.render import render
from malipo_simulators.stripe.payouts import lifecycle
from malipo_simulators.stripe.state.change import Change
from malipo_simulators.stripe.state.world import StripeWorld


class EverythingOf(BaseModel):
    model_config = ConfigDict(extra="forbid")

    api_key: str = Field(description="The sk_test_ key whose account is paid out.")
    currency: str = "usd"


def payout_routes(world: StripeWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim/payouts", tags=["Dashboard and bank"])

    @router.post("", status_code=201, summary="Pay out all that is available, as Stripe does every day")
    async def pay_out(whose: EverythingOf) -> Json:
        """Its movements are what `GET /v1/balance_transactions?payout=` lists."""
        change = Change(world, world.account_of(whose.api_key), Cause("POST", "/_sim/payouts"))
        payout = lifecycle.pay_out_everything(change, whose.currency)
        if payout is None:
            raise HTTPException(409, "Nothing is available: charges are for two days pending.")
        return render(payout)

    @router.post("/{payout_id}/{arrival}", summary="Let a payout arrive, or come back")
    async def arrive(payout_id: str, arrival: lifecycle.Arrival) -> Json:
        for account in world.accounts.values():
            payout = account.payouts.find(payout_id)
            if payout is not None:
                change = Change(world, account, Cause("POST", f"/_sim/payouts/{payout_id}"))
                if not lifecycle.arrive(change, payout, arrival):
                    raise HTTPException(409, f"Payout {payout_id} is {payout.status}.")
                return render(payout)
        raise HTTPException(404, f"No payout {payout_id} in this simulator.")

    return router
