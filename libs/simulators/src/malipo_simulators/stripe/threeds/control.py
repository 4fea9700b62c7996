"""The page a customer sees for 3DS: one button proves who they are, the other refuses."""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Annotated, Literal
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Header, HTTPException
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from malipo_simulators.kit.cause import Cause
from malipo_simulators.stripe.objects.customers import SetupIntent, SetupStatus
from malipo_simulators.stripe.objects.models import IntentStatus, PaymentIntent
from malipo_simulators.stripe.payment_intents import lifecycle as payments
from malipo_simulators.stripe.setup_intents import lifecycle as setups
from malipo_simulators.stripe.state.account import Account
from malipo_simulators.stripe.state.change import Change
from malipo_simulators.stripe.state.world import StripeWorld

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>3D Secure (simulated)</title>
<body style="font-family: sans-serif; max-width: 28rem; margin: 4rem auto">
<h1>Your bank asks: is it you?</h1><p>{what}</p>
<form method="post" action="{intent}/approve"><button id="approve">Approve</button></form>
<form method="post" action="{intent}/refuse"><button id="refuse">Refuse</button></form></body></html>"""

type Intent = PaymentIntent | SetupIntent


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the customer decides on, and what each decision does."""

    intent: Intent
    approve: Callable[[], None]
    refuse: Callable[[], None]

    @property
    def what(self) -> str:
        if isinstance(self.intent, SetupIntent):
            return f"Card to be saved {self.intent.id}."
        return f"Payment {self.intent.id} of {self.intent.amount} {self.intent.currency.upper()} (minor units)."


def threeds_routes(world: StripeWorld) -> APIRouter:
    """Whoever knows the intent's id may decide: the page stands in for the bank's own login."""
    router = APIRouter(prefix="/_sim/3ds", tags=["3DS"])

    @router.get("/{intent_id}", summary="The page next_action.redirect_to_url points to")
    def page(intent_id: str) -> HTMLResponse:
        challenge = challenged(world, intent_id)
        return HTMLResponse(PAGE.format(intent=escape(challenge.intent.id), what=escape(challenge.what)))

    @router.post("/{intent_id}/{decision}", summary="Approve or refuse, as the customer")
    async def decide(
        intent_id: str, decision: Literal["approve", "refuse"], accept: Annotated[str, Header()] = ""
    ) -> Response:
        """Browsers (Accept: text/html) are redirected to return_url; others get JSON with the same address."""
        challenge = challenged(world, intent_id)
        return_url = challenge.intent.action.return_url if challenge.intent.action else None
        if decision == "approve":
            challenge.approve()
        else:
            challenge.refuse()
        return after_decision(challenge.intent, return_url, browser="text/html" in accept)

    return router


def challenged(world: StripeWorld, intent_id: str) -> Challenge:
    """404 for an intent that is not there, 409 for one that waits for nobody."""
    found = find_intent(world, intent_id)
    if found is None:
        raise HTTPException(404, f"No intent {intent_id} in this simulator.")
    account, intent = found
    change = Change(world, account, Cause("POST", f"/_sim/3ds/{intent_id}"))
    match intent:
        case PaymentIntent(status=IntentStatus.REQUIRES_ACTION, payment_method=method) if method:
            return Challenge(
                intent,
                lambda: payments.approve_challenge(change, intent, method),
                lambda: payments.refuse_challenge(change, intent, method),
            )
        case SetupIntent(status=SetupStatus.REQUIRES_ACTION, payment_method=method) if method:
            return Challenge(
                intent,
                lambda: setups.approve_challenge(change, intent, method),
                lambda: setups.refuse_challenge(change, intent, method),
            )
        case _:
            raise HTTPException(409, f"Intent {intent_id} is {intent.status}: there is nothing to decide.")


def find_intent(world: StripeWorld, intent_id: str) -> tuple[Account, Intent] | None:
    payment = world.find_intent(intent_id)
    if payment is not None:
        return payment
    for account in world.accounts.values():
        setup = account.setups.find(intent_id)
        if setup is not None:
            return account, setup
    return None


def after_decision(intent: Intent, return_url: str | None, *, browser: bool) -> Response:
    target = way_back(intent, return_url) if return_url else None
    if browser and target:
        return RedirectResponse(target, status_code=303)
    return JSONResponse({noun_of(intent): intent.id, "status": intent.status, "redirect_to": target})


def noun_of(intent: Intent) -> str:
    return "setup_intent" if isinstance(intent, SetupIntent) else "payment_intent"


def way_back(intent: Intent, return_url: str) -> str:
    """The merchant's page with what Stripe appends to it. A hint for the browser, not a proof of payment."""
    done = intent.status in ("succeeded", "requires_capture")
    query = urlencode({
        noun_of(intent): intent.id,
        f"{noun_of(intent)}_client_secret": intent.client_secret,
        "redirect_status": "succeeded" if done else "failed",
    })  # fmt: skip
    parts = urlsplit(return_url)
    return parts._replace(query=f"{parts.query}&{query}" if parts.query else query).geturl()
