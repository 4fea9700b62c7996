"""The customers' phones as a page: who is prompted enters the PIN, cancels, or lets the time run out."""

from html import escape
from itertools import islice
from typing import Annotated, Literal
from urllib.parse import parse_qs

from fastapi import APIRouter, Header, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from malipo_simulators.kit.api.bodies import read_body
from malipo_simulators.kit.shapes import Json
from malipo_simulators.mpesa.endings import Ending
from malipo_simulators.mpesa.state.prompts import Prompt
from malipo_simulators.mpesa.state.world import MpesaWorld
from malipo_simulators.mpesa.stk import lifecycle
from malipo_simulators.mpesa.stk.control import prompt_view

PIN = "1234"
LONGEST_FORM = 1_000
ENDED_SHOWN = 10
type Choice = Literal["pay", "cancel", "wrong_pin", "timeout"]
ENDINGS: dict[Choice, Ending] = {
    "pay": Ending.PAID,
    "cancel": Ending.CANCELLED,
    "wrong_pin": Ending.WRONG_PIN,
    "timeout": Ending.TIMEOUT,
}
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Phones (simulated M-PESA)</title>{refresh}
<style>body {{ font-family: sans-serif; max-width: 44rem; margin: 3rem auto }}
section {{ border: 1px solid #999; border-radius: 1rem; padding: 0 1rem 1rem; margin: 1rem 0 }}
form {{ display: inline }} input {{ width: 5rem }} small {{ color: #555 }}</style>
<h1>Phones</h1><p><a href="phone">Look again</a>. Everybody's PIN is {pin}.</p>
{open}<h2>Ended</h2><ul>{ended}</ul></html>"""
PROMPT = """<section><h2>+{phone}</h2>
<p>Do you want to pay Ksh {amount} to {to}, account {reference}?<br><small>{checkout}</small></p>
<form method="post" action="phone/{checkout}/pay"><label>PIN <input name="pin" inputmode="numeric" autocomplete="off">
</label> <button>Send</button></form>
<form method="post" action="phone/{checkout}/cancel"><button>Cancel</button></form>
<form method="post" action="phone/{checkout}/timeout"><button>Let it time out</button></form></section>"""
NONE_OPEN = "<p>No phone is prompted. This page looks again every two seconds.</p>"
REFRESH = '<meta http-equiv="refresh" content="2">'


def phone_routes(world: MpesaWorld) -> APIRouter:
    """Whoever gets to the page may answer: it stands in for the phones themselves."""
    router = APIRouter(prefix="/_sim/phone", tags=["Customers"])

    @router.get("", summary="A page with all open prompts")
    async def page() -> HTMLResponse:
        return HTMLResponse(written(world))

    @router.post("/{checkout_request_id}/pay_late", summary="Pay although the prompt has ended unpaid")
    async def pay_late(checkout_request_id: str) -> Json:
        """As a customer does whose answer takes long. No callback comes, and the query keeps to what it has said."""
        prompt = found(world, checkout_request_id)
        if prompt.ending is None or prompt.receipt is not None:
            raise HTTPException(409, f"Prompt {checkout_request_id} has not ended unpaid: {prompt.payment.status}.")
        lifecycle.pay_late(world, prompt, told=False)
        return prompt_view(prompt)

    @router.post("/{checkout_request_id}/{choice}", summary="Answer a prompt, as the customer")
    async def answer(
        checkout_request_id: str, choice: Choice, request: Request, accept: Annotated[str, Header()] = ""
    ) -> Response:
        """A form may have a `pin`: a wrong one is a wrong PIN. Browsers are led back to the page, others get JSON."""
        prompt = found(world, checkout_request_id)
        ending = await chosen(request, choice)
        if not lifecycle.end(world, prompt, ending):
            raise HTTPException(409, f"Prompt {checkout_request_id} has ended: {prompt.payment.status}.")
        if "text/html" in accept:
            return RedirectResponse("../../phone", status_code=303)
        return JSONResponse(prompt_view(prompt))

    return router


def found(world: MpesaWorld, checkout_request_id: str) -> Prompt:
    prompt = world.prompts.find(checkout_request_id)
    if prompt is None:
        raise HTTPException(404, f"No prompt {checkout_request_id} in this simulator.")
    return prompt


async def chosen(request: Request, choice: Choice) -> Ending:
    try:
        form = parse_qs((await read_body(request, LONGEST_FORM)).decode(), keep_blank_values=True)
    except (OverflowError, UnicodeDecodeError) as error:
        raise HTTPException(422, "The form could not be read.") from error
    wrong = choice == "pay" and form.get("pin", [PIN]) != [PIN]
    return Ending.WRONG_PIN if wrong else ENDINGS[choice]


def written(world: MpesaWorld) -> str:
    prompts = world.prompts.open()
    ended = (one for one in world.prompts.newest_first() if one.ending is not None)
    return PAGE.format(
        refresh="" if prompts else REFRESH,
        pin=PIN,
        open="".join(map(write_prompt, prompts)) or NONE_OPEN,
        ended="".join(map(write_ended, islice(ended, ENDED_SHOWN))),
    )


def write_prompt(prompt: Prompt) -> str:
    push = prompt.push
    return PROMPT.format(
        phone=escape(push.phone),
        amount=push.amount,
        to=escape(push.credited),
        reference=escape(push.reference),
        checkout=escape(prompt.checkout_request_id),
    )


def write_ended(prompt: Prompt) -> str:
    push = prompt.push
    what = f"+{push.phone}, Ksh {push.amount} to {push.credited}, account {push.reference}: {prompt.payment.status}"
    return f"<li>{escape(what)} {escape(prompt.receipt or '')}</li>"
