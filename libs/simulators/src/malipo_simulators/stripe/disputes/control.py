"""Control routes for disputes: opened as the customer, decided as the bank; and the page where a person does both."""

from html import escape
from typing import Annotated

from fastapi import APIRouter, Header, HTTPException
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.timeline import Page
from malipo_simulators.stripe.disputes import lifecycle
from malipo_simulators.stripe.http.refusing import refusing
from malipo_simulators.stripe.objects.models import Charge, Dispute, EarlyFraudWarning
from malipo_simulators.stripe.objects.render import render
from malipo_simulators.stripe.refunds.control import MoneyBack, charged
from malipo_simulators.stripe.state.change import Change
from malipo_simulators.stripe.state.world import StripeWorld

PATH = "/_sim/disputes"
SHOWN_PAYMENTS = 50

type Accept = Annotated[str, Header()]

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Disputes (simulated)</title>
<body style="font-family: sans-serif; max-width: 48rem; margin: 4rem auto">
<h1>Customers and their bank</h1>{rows}</body></html>"""
PAYMENT = """<p>{charge}: {left} {currency} (minor units) {note}</p>
<form method="post" action="payment_intents/{intent}/disputes"><button>Dispute</button></form>
<form method="post" action="payment_intents/{intent}/disputes?inquiry=true"><button>Inquire</button></form>
<form method="post" action="payment_intents/{intent}/early_fraud_warnings"><button>Report fraud</button></form>"""
DISPUTE = """<p>{dispute}: {amount} {currency} (minor units) {status}</p>
<form method="post" action="disputes/{dispute}/won"><button>The merchant wins</button></form>
<form method="post" action="disputes/{dispute}/lost"><button>The merchant loses</button></form>"""


class NewDispute(MoneyBack):
    """`at_most` lets a bank that converts currencies take more than was paid. An inquiry takes nothing."""

    at_most: Annotated[int, Field(ge=1)] | None = None
    inquiry: bool = False


class NewWarning(BaseModel):
    model_config = ConfigDict(extra="forbid")

    fraud_type: str = "unauthorized_use_of_card"


def dispute_routes(world: StripeWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim", tags=["Dashboard and bank"])

    @router.get("/disputes", summary="The page of the customers and their bank")
    async def page() -> HTMLResponse:
        return HTMLResponse(PAGE.format(rows=rows_of(world)))

    @router.post("/payment_intents/{intent_id}/disputes", status_code=201, summary="Dispute it as the customer")
    async def dispute(
        intent_id: str, requested: NewDispute | None = None, *, inquiry: bool = False, accept: Accept = ""
    ) -> Response:
        """The bank takes the money at once, and the charge can no more be refunded until the dispute is won."""
        requested = requested or NewDispute()
        change, charge = charged(world, intent_id)
        with refusing():
            opened = lifecycle.open_dispute(
                change,
                charge,
                requested.amount,
                requested.reason or "fraudulent",
                inquiry=inquiry or requested.inquiry,
                at_most=requested.at_most,
            )
        return answered(opened, accept, status=201)

    @router.post(
        "/payment_intents/{intent_id}/early_fraud_warnings", status_code=201, summary="Report it as the issuer"
    )
    async def warn(intent_id: str, requested: NewWarning | None = None, *, accept: Accept = "") -> Response:
        change, charge = charged(world, intent_id)
        fraud_type = (requested or NewWarning()).fraud_type
        return answered(lifecycle.warn(change, charge, fraud_type), accept, status=201)

    @router.post("/disputes/{dispute_id}/{verdict}", summary="Let the bank decide a dispute")
    async def decide(dispute_id: str, verdict: lifecycle.Verdict, *, accept: Accept = "") -> Response:
        change, dispute = disputed(world, dispute_id)
        if not lifecycle.close_dispute(change, dispute, verdict):
            raise HTTPException(409, f"Dispute {dispute_id} is {dispute.status}.")
        return answered(dispute, accept)

    return router


def answered(made: Dispute | EarlyFraudWarning, accept: str, *, status: int = 200) -> Response:
    """Browsers (Accept: text/html) come back to the page; others get what was made."""
    if "text/html" in accept:
        return RedirectResponse(PATH, status_code=303)
    return JSONResponse(render(made), status)


def disputed(world: StripeWorld, dispute_id: str) -> tuple[Change, Dispute]:
    for account in world.accounts.values():
        dispute = account.disputes.find(dispute_id)
        if dispute is not None:
            return Change(world, account, Cause("POST", f"/_sim/disputes/{dispute_id}")), dispute
    raise HTTPException(404, f"No dispute {dispute_id} in this simulator.")


def rows_of(world: StripeWorld) -> str:
    """Open disputes first, then the payments that could be disputed, newest first."""
    rows: list[str] = []
    for account in world.accounts.values():
        rows += [dispute_row(one) for one in account.disputes if one.status.is_open]
    for account in world.accounts.values():
        paid, _ = account.charges.page(
            Page(SHOWN_PAYMENTS), lambda one: one.refundable > 0 and not one.is_with_the_bank
        )
        rows += [payment_row(one) for one in paid]
    return "".join(rows) or "<p>Nothing was paid yet.</p>"


def dispute_row(one: Dispute) -> str:
    currency = one.charge.intent.currency.upper()
    return DISPUTE.format(dispute=escape(one.id), amount=one.amount, currency=currency, status=one.status)


def payment_row(one: Charge) -> str:
    return PAYMENT.format(
        charge=escape(one.id),
        intent=escape(one.intent.id),
        left=one.refundable,
        currency=one.intent.currency.upper(),
        note="(reported as fraud)" if one.warning else "",
    )
