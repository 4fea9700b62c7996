"""Control routes for what becomes of a saved card without a request: its network changes it, or somebody detaches it in the dashboard."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.http.refusing import refusing
from malipo_simulators.stripe.objects.customers import PaymentMethod
from malipo_simulators.stripe.objects.render import render
from malipo_simulators.stripe.payment_methods import lifecycle
from malipo_simulators.stripe.state.change import Change
from malipo_simulators.stripe.state.world import StripeWorld


class NewCard(BaseModel):
    """What the network has replaced; what is left out stays. Another number has another fingerprint."""

    model_config = ConfigDict(extra="forbid")

    last4: Annotated[str, Field(pattern="^[0-9]{4}$")] | None = None
    brand: str | None = None
    exp_month: Annotated[int, Field(ge=1, le=12)] | None = None
    exp_year: Annotated[int, Field(ge=2000, le=2099)] | None = None


def saved_card_routes(world: StripeWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim/payment_methods", tags=["Dashboard and bank"])

    @router.post("/{method_id}/network", summary="Have a saved card's network replace it")
    async def change_card(method_id: str, card: NewCard) -> Json:
        """Told by `payment_method.automatically_updated`, if anything is another now."""
        change, method = held(world, method_id, "network")
        if method.customer is None:
            raise HTTPException(409, f"PaymentMethod {method_id} is no customer's: networks tell of saved cards alone.")
        before = render(method)
        method.card = replace(method.card, last4=card.last4 or method.card.last4, brand=card.brand or method.card.brand)
        method.exp_month, method.exp_year = card.exp_month or method.exp_month, card.exp_year or method.exp_year
        change.emit_if_changed("payment_method.automatically_updated", method, before)
        return render(method)

    @router.post("/{method_id}/detach", summary="Detach it as in the dashboard")
    async def detach(method_id: str) -> Json:
        """No API request and no key: only its event reports it."""
        change, method = held(world, method_id, "detach")
        with refusing():
            lifecycle.detach(change, method)
        return render(method)

    return router


def held(world: StripeWorld, method_id: str, what: str) -> tuple[Change, PaymentMethod]:
    """A PaymentMethod and a change of its account, or 404."""
    for account in world.accounts.values():
        method = account.methods.find(method_id)
        if method is not None:
            return Change(world, account, Cause("POST", f"/_sim/payment_methods/{method_id}/{what}")), method
    raise HTTPException(404, f"No PaymentMethod {method_id} in this simulator.")
