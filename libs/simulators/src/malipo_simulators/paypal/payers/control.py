"""Control routes for payers: act as one, script what the next ones do, and see what became of orders."""

from dataclasses import asdict
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from malipo_simulators.kit.control.scripts import add_script, script_routes, script_view
from malipo_simulators.kit.faults.rules import MAX_DELAY_SECONDS
from malipo_simulators.kit.shapes import Json
from malipo_simulators.paypal.objects.models import Order
from malipo_simulators.paypal.objects.plans import Funding, Plan
from malipo_simulators.paypal.objects.render import render_order
from malipo_simulators.paypal.payers import lifecycle
from malipo_simulators.paypal.payers.page import found, waiting, way_back
from malipo_simulators.paypal.state.scripts import Fate, OrderMatch
from malipo_simulators.paypal.state.world import PaypalWorld


class Approval(BaseModel):
    model_config = ConfigDict(extra="forbid")

    funding: Funding = Funding.BALANCE


class NewScript(BaseModel):
    """What the payers of matching orders do by themselves. Left out, `after_seconds` is that of the settings."""

    model_config = ConfigDict(extra="forbid")

    match: OrderMatch = Field(default_factory=OrderMatch)
    plan: Plan
    after_seconds: Annotated[float, Field(ge=0, le=MAX_DELAY_SECONDS)] | None = Field(
        default=None, description="Before each approval; long enough, it comes after the merchant has given up."
    )
    times: Annotated[int, Field(ge=1)] | None = Field(default=1, description="How many orders; null: any number.")


def payer_routes(world: PaypalWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim", tags=["Payers"])

    @router.get("/orders", summary="Orders, the newest first")
    async def orders(
        custom_id: str | None = None,
        invoice_id: str | None = None,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
    ) -> list[Json]:
        match = OrderMatch(custom_id=custom_id, invoice_id=invoice_id)
        chosen = (
            order
            for account in world.accounts.values()
            for order in reversed(list(account.orders))
            if match.takes(order, account.id)
        )
        return [render_order(order) for order in islice(chosen, limit)]

    @router.post("/orders/{order_id}/approve", summary="Approve, as the payer")
    async def approve(order_id: str, how: Approval | None = None) -> Json:
        """Also once more, and with other funding, while it is not captured."""
        change, order = waiting(world, order_id)
        lifecycle.approve(change, order, (how or Approval()).funding)
        return decided(order, approved=True)

    @router.post("/orders/{order_id}/refuse", summary="Go back to the shop, as the payer")
    async def refuse(order_id: str) -> Json:
        """Nothing happens to the order: it could still be approved."""
        _, order = found(world, order_id)
        return decided(order, approved=False)

    return router


def payer_script_routes(world: PaypalWorld) -> APIRouter:
    router = script_routes(lambda: world.scripts, asdict, "Payers")

    @router.post("", status_code=201, summary="Script what the next payers do")
    async def add(new: NewScript) -> Json:
        after = world.settings.approve_seconds if new.after_seconds is None else new.after_seconds
        return script_view(add_script(world.scripts, new.match, Fate(new.plan, after), new.times), asdict)

    return router


def decided(order: Order, *, approved: bool) -> Json:
    return {"order": order.id, "status": order.status, "redirect_to": way_back(order, approved=approved)}
