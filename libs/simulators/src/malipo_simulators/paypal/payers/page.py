"""The page a payer is sent to: approve, with some funding, or go back to the shop."""

from html import escape
from typing import Annotated, Literal
from urllib.parse import parse_qs, urlencode, urlsplit

from fastapi import APIRouter, Header, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from malipo_simulators.kit.api.bodies import read_body
from malipo_simulators.kit.cause import Cause
from malipo_simulators.paypal.objects.models import Order
from malipo_simulators.paypal.objects.plans import Funding
from malipo_simulators.paypal.payers import lifecycle
from malipo_simulators.paypal.state.change import Change
from malipo_simulators.paypal.state.world import PaypalWorld

type Decision = Literal["approve", "refuse"]
LONGEST_FORM = 1_000
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>PayPal (simulated)</title>
<style>body {{ font-family: sans-serif; max-width: 32rem; margin: 4rem auto }} form {{ margin: 1rem 0 }}</style>
<h1>Pay {value} {currency}?</h1><p>{description}<br><small>Order {order}, {status}</small></p>{declined}
<form method="post" action="checkoutnow/approve?token={order}"><label>Pay with <select name="funding">{fundings}</select>
</label> <button id="approve">Approve</button></form>
<form method="post" action="checkoutnow/refuse?token={order}"><button id="refuse">Cancel and return</button></form></html>"""
DECLINED = "<p><strong>Your card was declined. Choose something else to pay with.</strong></p>"
NAMES = {
    Funding.BALANCE: "the balance",
    Funding.DECLINED_CARD: "a card that will be declined",
    Funding.FAILING_CARD: "a card whose payment fails",
    Funding.ECHECK: "an eCheck, which takes its time",
    Funding.BOUNCING_ECHECK: "an eCheck that bounces",
    Funding.REVIEW: "a card, and PayPal reviews the payment",
    Funding.DENIED_REVIEW: "a card, and PayPal denies the payment after review",
}
Token = Annotated[str, Query(description="The order's id.")]


def page_routes(world: PaypalWorld) -> APIRouter:
    """Whoever knows the order's id may decide: the page stands in for the payer's own login."""
    router = APIRouter(tags=["Payers"])

    @router.get("/checkoutnow", summary="The page that the links payer-action and approve lead to")
    async def page(token: Token) -> HTMLResponse:
        change, order = waiting(world, token)
        lifecycle.visit(change, order)
        return HTMLResponse(written(order))

    @router.post("/checkoutnow/{decision}", summary="Approve or refuse, as the payer")
    async def decide(
        decision: Decision, token: Token, request: Request, accept: Annotated[str, Header()] = ""
    ) -> Response:
        """Browsers (Accept: text/html) are redirected to return_url or cancel_url; others get JSON with that address."""
        change, order = waiting(world, token)
        if decision == "approve":
            lifecycle.approve(change, order, await chosen(request))
        target = way_back(order, approved=decision == "approve")
        if "text/html" in accept and target:
            return RedirectResponse(target, status_code=303)
        return JSONResponse({"order": order.id, "status": order.status, "redirect_to": target})

    return router


def waiting(world: PaypalWorld, order_id: str) -> tuple[Change, Order]:
    """An order that can still be approved, or approved again."""
    change, order = found(world, order_id)
    if order.is_gone(change.now) or not (order.waits_for_payer or order.status == "APPROVED"):
        raise HTTPException(409, f"Order {order_id} is {order.status}: there is nothing to decide.")
    return change, order


def found(world: PaypalWorld, order_id: str) -> tuple[Change, Order]:
    known = world.find_order(order_id)
    if known is None:
        raise HTTPException(404, f"No order {order_id} in this simulator.")
    account, order = known
    return Change(world, account, Cause("POST", f"/_sim/orders/{order_id}", account=account.id)), order


async def chosen(request: Request) -> Funding:
    try:
        form = parse_qs((await read_body(request, LONGEST_FORM)).decode())
        return Funding(form.get("funding", [Funding.BALANCE])[0])
    except (OverflowError, ValueError) as error:
        raise HTTPException(422, "The form could not be read.") from error


def written(order: Order) -> str:
    options = (f'<option value="{funding}">{escape(name)}</option>' for funding, name in NAMES.items())
    description = order.units[0].given.get("description")
    return PAGE.format(
        value=order.amount.value,
        currency=order.amount.currency,
        description=escape(str(description or "")),
        order=escape(order.id),
        status=order.status,
        declined=DECLINED if order.declined else "",
        fundings="".join(options),
    )


def way_back(order: Order, *, approved: bool) -> str | None:
    """The merchant's page with what PayPal appends to it. A hint for the browser, not a proof of payment."""
    url = order.context.return_url if approved else order.context.cancel_url
    if url is None:
        return None
    query = urlencode({"token": order.id} | ({"PayerID": order.payer.id} if approved and order.payer else {}))
    parts = urlsplit(url)
    return parts._replace(query=f"{parts.query}&{query}" if parts.query else query).geturl()
