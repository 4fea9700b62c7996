"""The bank's desk as a page: who is there holds, releases, completes, rejects and returns payments, and answers for others."""

from html import escape
from itertools import islice
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Header, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from malipo_simulators.bank.objects.models import Payment
from malipo_simulators.bank.objects.money import written as money
from malipo_simulators.bank.objects.reasons import REFUSALS, REJECTIONS, RETURNS
from malipo_simulators.bank.objects.render import render
from malipo_simulators.bank.payments.deciding import USUAL_CODES, Decision, decide, possible
from malipo_simulators.bank.state.finding import find_payment
from malipo_simulators.bank.state.world import BankWorld
from malipo_simulators.kit.api.bodies import read_body

LONGEST_FORM = 1_000
SHOWN = 100
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>The desk (simulated bank)</title>
<style>body {{ font-family: sans-serif; max-width: 60rem; margin: 3rem auto }}
section {{ border: 1px solid #999; border-radius: 1rem; padding: 0 1rem 1rem; margin: 1rem 0 }}
form {{ display: inline-block; margin-right: 1rem }} small {{ color: #555 }}</style>
<h1>The desk</h1><p><a href="desk">Look again</a>. The newest payment comes first.</p>
{payments}</html>"""
PAYMENT = """<section><h2>{amount} {currency} by {rail}: {status}</h2>
<p>From {debtor} to {creditor}, {reason}<br><small>{id}, end to end {end_to_end_id}, goes at {goes}</small></p>
{forms}</section>"""
FORM = '<form method="post" action="desk/{id}/{decision}">{codes}<button>{words}</button></form>'
NONE = "<p>There is no payment yet.</p>"
WORDS = {
    Decision.HOLD: "Hold",
    Decision.RELEASE: "Let it go",
    Decision.COMPLETE: "Complete",
    Decision.RESEARCH: "No answer: investigate",
    Decision.REJECT: "Reject",
    Decision.RETURN: "Return",
    Decision.ACCEPT_RETURN_REQUEST: "Give it back as asked",
    Decision.REFUSE_RETURN_REQUEST: "Refuse to give it back",
}
CODES = {Decision.REJECT: REJECTIONS, Decision.RETURN: RETURNS, Decision.REFUSE_RETURN_REQUEST: REFUSALS}


def desk_routes(world: BankWorld) -> APIRouter:
    """Whoever gets to the page may decide: it stands in for the people at the bank."""
    router = APIRouter(prefix="/_sim/desk", tags=["Payments"])

    @router.get("", summary="A page with all payments, and what can be done to each")
    async def page() -> HTMLResponse:
        newest = islice(reversed(world.payments.values()), SHOWN)
        return HTMLResponse(PAGE.format(payments="".join(map(write_payment, newest)) or NONE))

    @router.post("/{payment_id}/{decision}", summary="Decide, as the person at the desk")
    async def act(
        payment_id: str, decision: Decision, request: Request, accept: Annotated[str, Header()] = ""
    ) -> Response:
        """A form may have a `code`. Browsers (Accept: text/html) are led back to the page, others get JSON."""
        payment = find_payment(world, payment_id)
        decide(world, payment, decision, await code_in(request))
        if "text/html" in accept:
            return RedirectResponse("../../desk", status_code=303)
        return JSONResponse(render(payment))

    return router


async def code_in(request: Request) -> str | None:
    try:
        form = parse_qs((await read_body(request, LONGEST_FORM)).decode())
    except (OverflowError, UnicodeDecodeError) as error:
        raise HTTPException(422, "The form could not be read.") from error
    return form.get("code", [None])[0]


def write_payment(payment: Payment) -> str:
    return PAYMENT.format(
        amount=money(payment.amount),
        currency=payment.currency,
        rail=payment.rail_name,
        status=payment.status,
        debtor=escape(payment.debtor_account_id),
        creditor=escape(payment.creditor.name),
        reason=escape(payment.reason.text if payment.reason else payment.remittance or "no remittance"),
        id=payment.id,
        end_to_end_id=payment.end_to_end_id,
        goes=payment.execution_at.isoformat(timespec="seconds"),
        forms="".join(write_form(payment, decision) for decision in possible(payment)),
    )


def write_form(payment: Payment, decision: Decision) -> str:
    return FORM.format(id=payment.id, decision=decision, codes=write_codes(decision), words=WORDS[decision])


def write_codes(decision: Decision) -> str:
    if decision not in CODES:
        return ""
    usual = USUAL_CODES[decision]
    options = (
        f'<option value="{code}"{" selected" * (code == usual)}>{code} {escape(text)}</option>'
        for code, text in CODES[decision].items()
    )
    return f'<select name="code">{"".join(options)}</select> '
