"""Control routes for disputes: open one as a payer, and decide it as PayPal."""

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from malipo_simulators.kit.shapes import Json
from malipo_simulators.paypal.captures.lifecycle import is_reversible
from malipo_simulators.paypal.disputes import lifecycle
from malipo_simulators.paypal.objects.money import Money
from malipo_simulators.paypal.objects.render import render_dispute
from malipo_simulators.paypal.state.finding import find
from malipo_simulators.paypal.state.world import PaypalWorld

type Reason = Literal[
    "MERCHANDISE_OR_SERVICE_NOT_RECEIVED", "MERCHANDISE_OR_SERVICE_NOT_AS_DESCRIBED", "UNAUTHORISED", "OTHER"
]
type Step = Literal["review", "won", "lost"]
STEPS = {"review": lifecycle.review, "won": lifecycle.win, "lost": lifecycle.lose}


class Complaint(BaseModel):
    model_config = ConfigDict(extra="forbid")

    amount: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="In minor units; left out: all that was not refunded."
    )
    reason: Reason = "MERCHANDISE_OR_SERVICE_NOT_RECEIVED"


def dispute_routes(world: PaypalWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim", tags=["PayPal's decisions"])

    @router.post("/captures/{capture_id}/disputes", status_code=201, summary="Dispute a capture, as its payer")
    async def dispute(capture_id: str, complaint: Complaint) -> Json:
        """What is disputed is held from now on."""
        change, capture = find(world, "capture", capture_id, lambda account: account.captures)
        amount = Money(complaint.amount or capture.refundable.minor, capture.amount.currency)
        if not is_reversible(capture) or amount > capture.refundable:
            raise HTTPException(409, f"Capture {capture_id} is {capture.status}: {capture.refundable.value} are left.")
        return render_dispute(lifecycle.open_dispute(change, capture, amount, complaint.reason))

    @router.post("/disputes/{dispute_id}/{step}", summary="Review a dispute, or end it for one side")
    async def decide(dispute_id: str, step: Step) -> Json:
        change, one = find(world, "dispute", dispute_id, lambda account: account.disputes)
        if not STEPS[step](change, one):
            raise HTTPException(409, f"Dispute {dispute_id} is {one.status}.")
        return render_dispute(one)

    return router
