"""Control route for the bank behind a saved card: from now on it answers as it does for one of the test cards."""

from dataclasses import replace

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.objects.card_table import TEST_CARDS
from malipo_simulators.stripe.objects.cards import Card
from malipo_simulators.stripe.objects.customers import PaymentMethod
from malipo_simulators.stripe.objects.declines import Decline, Result
from malipo_simulators.stripe.state.world import StripeWorld


class Mind(BaseModel):
    """`as` is a test card's id. `network_advice_code` replaces that of its declines, as with `26`, Mastercard's "after two days"."""

    model_config = ConfigDict(extra="forbid")

    like: str = Field(alias="as")
    network_advice_code: str | None = Field(default=None, pattern="^[0-9A-Z]{2}$")


def issuer_routes(world: StripeWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim/payment_methods", tags=["Dashboard and bank"])

    @router.put("/{method_id}/issuer", summary="Have a saved card's bank change its mind")
    async def change_mind(method_id: str, mind: Mind) -> Json:
        """Brand, number and country stay the card's own."""
        method = found(world, method_id)
        if mind.like not in TEST_CARDS:
            raise HTTPException(422, f"There is no test card {mind.like}.")
        method.card = behaving(method.card, TEST_CARDS[mind.like], mind.network_advice_code)
        return {"id": method.id, "as": mind.like}

    return router


def found(world: StripeWorld, method_id: str) -> PaymentMethod:
    for account in world.accounts.values():
        method = account.methods.find(method_id)
        if method is not None:
            return method
    raise HTTPException(404, f"No PaymentMethod {method_id} in this simulator.")


def behaving(card: Card, like: Card, network_advice: str | None) -> Card:
    """The card with another one's answers to charges."""

    def told(result: Result) -> Result:
        if network_advice is None or not isinstance(result, Decline):
            return result
        return replace(result, network_advice=network_advice)

    return replace(
        card,
        on_session=told(like.on_session),
        off_session=told(like.off_session),
        off_session_when_set_up=like.off_session_when_set_up and told(like.off_session_when_set_up),
        authenticated=told(like.authenticated),
        risk=like.risk,
    )
