"""The page a customer sees for 3DS: one button proves who they are, the other refuses."""

from html import escape
from typing import Annotated, Literal

from fastapi import APIRouter, Header, HTTPException
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from malipo_simulators.kit.cause import Cause
from malipo_simulators.stripe.objects.models import IntentStatus, PaymentIntent, PaymentMethod
from malipo_simulators.stripe.payment_intents import lifecycle
from malipo_simulators.stripe.state.change import Change
from malipo_simulators.stripe.state.world import StripeWorld

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>3D Secure (simulated)</title>
<body style="font-family: sans-serif; max-width: 28rem; margin: 4rem auto">
<h1>Your bank asks: is it you?</h1><p>Payment {intent} of {amount} {currency} (minor units).</p>
<form method="post" action="{intent}/approve"><button id="approve">Approve</button></form>
<form method="post" action="{intent}/refuse"><button id="refuse">Refuse</button></form></body></html>"""


def threeds_routes(world: StripeWorld) -> APIRouter:
    """Whoever knows the PaymentIntent's id may decide: the page stands in for the bank's own login."""
    router = APIRouter(prefix="/_sim/3ds", tags=["3DS"])

    @router.get("/{intent_id}", summary="The page next_action.redirect_to_url points to")
    def page(intent_id: str) -> HTMLResponse:
        _, intent, _ = challenged(world, intent_id)
        return HTMLResponse(
            PAGE.format(intent=escape(intent.id), amount=intent.amount, currency=escape(intent.currency.upper()))
        )

    @router.post("/{intent_id}/{decision}", summary="Approve or refuse, as the customer")
    async def decide(
        intent_id: str, decision: Literal["approve", "refuse"], accept: Annotated[str, Header()] = ""
    ) -> Response:
        """Browsers (Accept: text/html) are redirected to return_url; others get JSON with the same address."""
        change, intent, method = challenged(world, intent_id)
        return_url = intent.action.return_url if intent.action else None
        act = lifecycle.approve_challenge if decision == "approve" else lifecycle.refuse_challenge
        act(change, intent, method)
        return after_decision(intent, return_url, browser="text/html" in accept)

    return router


def challenged(world: StripeWorld, intent_id: str) -> tuple[Change, PaymentIntent, PaymentMethod]:
    found = world.find_intent(intent_id)
    if found is None:
        raise HTTPException(404, f"No PaymentIntent {intent_id} in this simulator.")
    account, intent = found
    if intent.status is not IntentStatus.REQUIRES_ACTION or intent.payment_method is None:
        raise HTTPException(409, f"PaymentIntent {intent_id} is {intent.status}: there is nothing to decide.")
    return Change(world, account, Cause("POST", f"/_sim/3ds/{intent_id}")), intent, intent.payment_method


def after_decision(intent: PaymentIntent, return_url: str | None, *, browser: bool) -> Response:
    target = lifecycle.way_back(intent, return_url) if return_url else None
    if browser and target:
        return RedirectResponse(target, status_code=303)
    return JSONResponse({"payment_intent": intent.id, "status": intent.status, "redirect_to": target})
