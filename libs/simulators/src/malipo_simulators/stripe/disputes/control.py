"""Control routes for disputes: opened as the customer, decided as the bank."""

from fastapi import APIRouter, HTTPException

from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.disputes import lifecycle
from malipo_simulators.stripe.http.refusing import refusing
from malipo_simulators.stripe.objects.models import Dispute
from malipo_simulators.stripe.objects.render import render_dispute
from malipo_simulators.stripe.refunds.control import MoneyBack, charged
from malipo_simulators.stripe.state.change import Change
from malipo_simulators.stripe.state.world import StripeWorld


def dispute_routes(world: StripeWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim", tags=["Dashboard and bank"])

    @router.post("/payment_intents/{intent_id}/disputes", status_code=201, summary="Dispute it as the customer")
    async def dispute(intent_id: str, requested: MoneyBack) -> Json:
        """The bank takes the money at once, and the charge can no more be refunded until the dispute is won."""
        change, charge = charged(world, intent_id)
        with refusing():
            opened = lifecycle.open_dispute(change, charge, requested.amount, requested.reason or "fraudulent")
            return render_dispute(opened)

    @router.post("/disputes/{dispute_id}/{verdict}", summary="Let the bank decide a dispute")
    async def decide(dispute_id: str, verdict: lifecycle.Verdict) -> Json:
        change, dispute = disputed(world, dispute_id)
        if not lifecycle.close_dispute(change, dispute, verdict):
            raise HTTPException(409, f"Dispute {dispute_id} is {dispute.status}.")
        return render_dispute(dispute)

    return router


def disputed(world: StripeWorld, dispute_id: str) -> tuple[Change, Dispute]:
    for account in world.accounts.values():
        dispute = account.disputes.find(dispute_id)
        if dispute is not None:
            return Change(world, account, Cause("POST", f"/_sim/disputes/{dispute_id}")), dispute
    raise HTTPException(404, f"No dispute {dispute_id} in this simulator.")
