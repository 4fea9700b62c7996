"""The bare provider: one POST a charge, and the callbacks verified and passed on, unless they repeat its answer."""

import os
from functools import partial
from typing import Literal

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bench.bare.wire import Tasks, Wire, alive
from malipo import clock
from malipo.contracts.identity import charge_id
from malipo.contracts.message import Message
from malipo.contracts.outcomes import Outcome, OutcomeReported
from malipo.contracts.provider_commands import Charge
from malipo.contracts.providers.stripe import DESCRIPTOR
from malipo.contracts.topics import OUTCOMES, PROVIDER_COMMANDS
from malipo.platform.client import http_client
from provider_kit.provider import Attempt, Credentials
from provider_stripe.client import StripeClient, verify
from provider_stripe.events import parse_event
from provider_stripe.mapping import outcome_of_response
from provider_stripe.requests import request

CALLS_AT_ONCE = 64
KEY = "sk_test_bare"


def build() -> Starlette:
    """The application."""
    wire = Wire("provider-stripe")
    http = http_client(base_url=os.environ["STRIPE_API_BASE"], timeout_seconds=20)
    client = StripeClient(http, version="2026-10-28.endive", timeout_seconds=20)
    credentials: Credentials = {"secret_key": KEY, "webhook_secrets": [os.environ["STRIPE_WEBHOOK_SECRET"]]}
    calls = Tasks(CALLS_AT_ONCE)
    answers: dict[str, Outcome] = {}

    async def handle(message: Message) -> None:
        assert isinstance(message, Charge)
        await calls.add(_charge(wire, client, answers, message))

    wire.on(
        "commands", (PROVIDER_COMMANDS["stripe"],), handle, pace_seconds=0
    )  # as in provider_kit.service, which paces nothing
    callback = Route("/callbacks", partial(_receive, wire, credentials, answers), methods=["POST"])
    return Starlette(routes=[Route("/health/live", alive), callback], lifespan=wire.running)


async def _charge(wire: Wire, client: StripeClient, answers: dict[str, Outcome], charge: Charge) -> None:
    path, form = request(Attempt(charge, {}, method=DESCRIPTOR.read_method(charge.method)))
    answer = await client.post(KEY, path, form, key=charge.operation_id)
    outcome = answers[charge.payment_id] = outcome_of_response(charge, answer)
    await wire.send(OUTCOMES, charge.payment_id, _report(charge.payment_id, charge.step, outcome, "attempt"))


async def _receive(wire: Wire, credentials: Credentials, answers: dict[str, Outcome], request: Request) -> JSONResponse:
    body = await request.body()
    verify(credentials, request.headers["stripe-signature"], body, tolerance_seconds=300)
    for reported in parse_event(body).outcomes:
        payment_id = (reported.operation_id or "").removesuffix(charge_id("", 1))
        if answers.pop(payment_id, None) != reported.outcome:
            await wire.send(OUTCOMES, payment_id, _report(payment_id, 1, reported.outcome, "callback"))
    return JSONResponse({"result": "received"})


def _report(payment_id: str, step: int, outcome: Outcome, source: Literal["attempt", "callback"]) -> OutcomeReported:
    return OutcomeReported(
        payment_id=payment_id,
        operation_id=charge_id(payment_id, 1),
        kind="charge",
        provider="stripe",
        outcome=outcome,
        source=source,
        step=step,
        observed_at=clock.now(),
    )
