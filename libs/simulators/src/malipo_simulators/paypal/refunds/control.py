"""Control routes for refunds: end what is pending as PayPal, refund as the merchant in the dashboard, empty a balance."""

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from malipo_simulators.kit.shapes import Json
from malipo_simulators.paypal.objects.models import CaptureStatus
from malipo_simulators.paypal.objects.money import Money
from malipo_simulators.paypal.objects.render import render_refund
from malipo_simulators.paypal.refunds import lifecycle
from malipo_simulators.paypal.refunds.lifecycle import Wanted
from malipo_simulators.paypal.state.finding import find
from malipo_simulators.paypal.state.world import PaypalWorld

type Ending = Literal["complete", "fail"]
ENDINGS = {"complete": lifecycle.complete, "fail": lifecycle.fail}
REFUNDABLE = (CaptureStatus.COMPLETED, CaptureStatus.PARTIALLY_REFUNDED)


class MoneyBack(BaseModel):
    model_config = ConfigDict(extra="forbid")

    amount: Annotated[int, Field(ge=1)] | None = Field(default=None, description="In minor units; left out: all of it.")


class Withdrawal(BaseModel):
    model_config = ConfigDict(extra="forbid")

    currency: str
    amount: Annotated[int, Field(ge=0)] | None = Field(default=None, description="In minor units; left out: all of it.")


def refund_routes(world: PaypalWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim", tags=["PayPal's decisions"])

    @router.post("/captures/{capture_id}/refunds", status_code=201, summary="Refund as in the dashboard")
    async def refund(capture_id: str, wanted: MoneyBack) -> Json:
        """No API request knows of it."""
        change, capture = find(world, "capture", capture_id, lambda account: account.captures)
        amount = Money(wanted.amount or capture.refundable.minor, capture.amount.currency)
        if capture.status not in REFUNDABLE or not 1 <= amount.minor <= capture.refundable.minor:
            raise HTTPException(409, f"Capture {capture_id} is {capture.status}: {capture.refundable.value} are left.")
        return render_refund(lifecycle.make(change, Wanted(capture, amount)))

    @router.post("/refunds/{refund_id}/{ending}", summary="Complete a pending refund, or let it fail")
    async def decide(refund_id: str, ending: Ending) -> Json:
        change, refund = find(world, "refund", refund_id, lambda account: account.refunds)
        if not ENDINGS[ending](change, refund):
            raise HTTPException(409, f"Refund {refund_id} is {refund.status}.")
        return render_refund(refund)

    @router.post("/accounts/{account_id}/withdrawals", summary="Take money out of a merchant's balance")
    async def withdraw(account_id: str, wanted: Withdrawal) -> Json:
        """From then on a refund that the balance does not cover is refused: REFUND_FAILED_INSUFFICIENT_FUNDS."""
        account = world.accounts.get(account_id)
        if account is None:
            raise HTTPException(404, f"No account {account_id} in this simulator.")
        amount = account.balance(wanted.currency) if wanted.amount is None else wanted.amount
        account.withdrawn[wanted.currency] = account.withdrawn.get(wanted.currency, 0) + amount
        return {"currency": wanted.currency, "balance": account.balance(wanted.currency)}

    return router
