"""Control routes for payments: find them, decide about them as the bank, and script what becomes of the next ones."""

from dataclasses import asdict
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from malipo_simulators.bank.objects.models import Status
from malipo_simulators.bank.objects.plans import Fate, Plan, Reply
from malipo_simulators.bank.objects.render import render
from malipo_simulators.bank.payments.deciding import Decision, decide
from malipo_simulators.bank.state.finding import find_payment
from malipo_simulators.bank.state.scripts import PaymentMatch
from malipo_simulators.bank.state.world import BankWorld
from malipo_simulators.kit.control.scripts import add_script, script_routes, script_view
from malipo_simulators.kit.shapes import Json

type Seconds = Annotated[float, Field(ge=0, le=30 * 86_400)]
type Code = Annotated[str, Field(pattern="^[A-Z0-9]{1,10}$")]


class Because(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: Code | None = Field(default=None, description="Of a rejection, return or refusal.")


class NewScript(BaseModel):
    """What becomes of matching payments by themselves. Left out, times are those of the rail and the settings."""

    model_config = ConfigDict(extra="forbid")

    match: PaymentMatch = Field(default_factory=PaymentMatch)
    plan: Plan = Plan.COMPLETE
    code: Code | None = Field(default=None, description="Of its rejection or return; any, also one that nobody knows.")
    reply: Reply = Field(default=Reply.ACCEPT, description="To a return request.")
    after_seconds: Seconds | None = Field(default=None, description="How long it is processed.")
    return_after_seconds: Seconds | None = Field(default=None, description="How long after completion it comes back.")
    times: Annotated[int, Field(ge=1)] | None = Field(default=1, description="How many payments; null: any number.")

    def fate(self) -> Fate:
        code = "R02" if self.plan is Plan.RETURN and self.code is None else self.code
        return Fate(self.plan, code, self.reply, self.after_seconds, self.return_after_seconds)


def payment_routes(world: BankWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim/payments", tags=["Payments"])

    @router.get("", summary="Payments, the newest first")
    async def show(
        end_to_end_id: str | None = None,
        debtor_account_id: str | None = None,
        status: Status | None = None,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
    ) -> list[Json]:
        chosen = (
            one
            for one in reversed(world.payments.values())
            if end_to_end_id in (None, one.end_to_end_id)
            and debtor_account_id in (None, one.debtor_account_id)
            and status in (None, one.status)
        )
        return [render(payment) for payment in islice(chosen, limit)]

    @router.get("/{name}", summary="One, by its id or end_to_end_id")
    async def one(name: str) -> Json:
        return render(find_payment(world, name))

    @router.get("/{name}/history", summary="Every version of it, the first one first")
    async def history(name: str) -> list[Json]:
        return find_payment(world, name).history

    @router.post("/{name}/{decision}", summary="Decide about it, as the bank")
    async def act(name: str, decision: Decision, because: Because | None = None) -> Json:
        payment = find_payment(world, name)
        decide(world, payment, decision, because.code if because else None)
        return render(payment)

    return router


def payment_script_routes(world: BankWorld) -> APIRouter:
    router = script_routes(lambda: world.scripts, asdict, "Payments")

    @router.post("", status_code=201, summary="Script what becomes of the next payments")
    async def add(new: NewScript) -> Json:
        return script_view(add_script(world.scripts, new.match, new.fate(), new.times), asdict)

    return router
