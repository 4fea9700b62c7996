"""Control routes for what nobody orders over the API: a refund made in Stripe's dashboard, a customer's dispute."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from malipo_simulators.stripe import disputes, refunds
from malipo_simulators.stripe.account import Account
from malipo_simulators.stripe.errors import StripeError
from malipo_simulators.stripe.models import Charge, Dispute
from malipo_simulators.stripe.render import draw_dispute, draw_refund
from malipo_simulators.stripe.shapes import Json
from malipo_simulators.stripe.work import Work
from malipo_simulators.stripe.world import Cause, World


class Wish(BaseModel):
    """`amount` in minor units; left out, it is all that the customer still has paid."""

    model_config = ConfigDict(extra="forbid")

    amount: Annotated[int, Field(ge=1)] | None = None
    reason: str | None = None


def dashboard_routes(world: World) -> APIRouter:
    router = APIRouter(prefix="/_sim", tags=["Dashboard and bank"])

    @router.post("/payment_intents/{intent_id}/refunds", status_code=201, summary="Refund it as in the dashboard")
    async def refund(intent_id: str, wish: Wish) -> Json:
        """No API request, no key and no metadata: only its events tell of it."""
        work, charge = charged(world, intent_id)
        with refusing():
            return draw_refund(refunds.make(work, charge, wish.amount, reason=wish.reason or "requested_by_customer"))

    @router.post("/payment_intents/{intent_id}/disputes", status_code=201, summary="Dispute it as the customer")
    async def dispute(intent_id: str, wish: Wish) -> Json:
        """The bank takes the money at once, and the charge can no more be refunded until the dispute is won."""
        work, charge = charged(world, intent_id)
        with refusing():
            return draw_dispute(disputes.open_dispute(work, charge, wish.amount, wish.reason or "fraudulent"))

    @router.post("/disputes/{dispute_id}/{verdict}", summary="Let the bank decide a dispute")
    async def decide(dispute_id: str, verdict: disputes.Verdict) -> Json:
        account, dispute = disputed(world, dispute_id)
        if not disputes.close_dispute(
            Work(world, account, Cause("POST", f"/_sim/disputes/{dispute_id}")), dispute, verdict
        ):
            raise HTTPException(409, f"Dispute {dispute_id} is {dispute.status}.")
        return draw_dispute(dispute)

    return router


@contextmanager
def refusing() -> Generator[None]:
    """The API's refusals, as those of a control route."""
    try:
        yield
    except StripeError as error:
        raise HTTPException(error.status, str(error.body["message"])) from error


def disputed(world: World, dispute_id: str) -> tuple[Account, Dispute]:
    for account in world.accounts.values():
        dispute = account.disputes.find(dispute_id)
        if dispute is not None:
            return account, dispute
    raise HTTPException(404, f"No dispute {dispute_id} in this simulator.")


def charged(world: World, intent_id: str) -> tuple[Work, Charge]:
    found = world.find_intent(intent_id)
    if found is None or found[1].charge is None:
        raise HTTPException(404, f"No charged PaymentIntent {intent_id} in this simulator.")
    account, intent = found
    assert intent.charge is not None
    return Work(world, account, Cause("POST", f"/_sim/payment_intents/{intent_id}")), intent.charge
