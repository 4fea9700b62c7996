"""Control routes for refunds: made in Stripe's dashboard, and ended at once."""

from typing import Annotated

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.http.refusing import refusing
from malipo_simulators.stripe.objects.models import Charge
from malipo_simulators.stripe.objects.render import render
from malipo_simulators.stripe.refunds import lifecycle
from malipo_simulators.stripe.state.change import Change
from malipo_simulators.stripe.state.world import StripeWorld


class MoneyBack(BaseModel):
    """`amount` in minor units; left out, it is all that has not been given back yet."""

    model_config = ConfigDict(extra="forbid")

    amount: Annotated[int, Field(ge=1)] | None = None
    reason: str | None = None


def refund_routes(world: StripeWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim", tags=["Dashboard and bank"])

    @router.post("/payment_intents/{intent_id}/refunds", status_code=201, summary="Refund it as in the dashboard")
    async def refund(intent_id: str, requested: MoneyBack) -> Json:
        """No API request, no key and no metadata: only its events report it."""
        change, charge = charged(world, intent_id)
        reason = requested.reason or "requested_by_customer"
        with refusing():
            return render(lifecycle.make(change, charge, requested.amount, reason=reason))

    @router.post("/refunds/{refund_id}/{ending}", summary="Let a refund succeed or fail now")
    async def end_refund(refund_id: str, ending: lifecycle.EndingName) -> Json:
        for account in world.accounts.values():
            refund = account.refunds.find(refund_id)
            if refund is not None:
                change = Change(world, account, Cause("POST", f"/_sim/refunds/{refund_id}/{ending}"))
                if not lifecycle.BY_NAME[ending](change, refund):
                    raise HTTPException(409, f"Refund {refund_id} is {refund.status}.")
                return {"id": refund.id, "status": refund.status}
        raise HTTPException(404, f"No refund {refund_id} in this simulator.")

    return router


def charged(world: StripeWorld, intent_id: str) -> tuple[Change, Charge]:
    """The last charge of a PaymentIntent and a change of its account, or 404."""
    found = world.find_intent(intent_id)
    if found is None or found[1].charge is None:
        raise HTTPException(404, f"No charged PaymentIntent {intent_id} in this simulator.")
    account, intent = found
    assert intent.charge is not None
    return Change(world, account, Cause("POST", f"/_sim/payment_intents/{intent_id}")), intent.charge
