"""`/v1/payments`: create a payment, read one, list them, and see how one came to be where it is."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from gateway import cursors, store_config, store_history, store_payments
from gateway.auth import Caller
from gateway.http_edge import Command, Gate, answer, body_of, page, waiting_command
from gateway.http_envelope import about
from gateway.idempotency import Done, once
from gateway.openapi import PAYMENT, PAYMENTS, TIMELINE, spec
from gateway.parts import Parts, PartsOf
from gateway.problems import Problem
from gateway.schemas import NewPayment, PaymentFilters
from gateway.views import answered, create_command, first_payment
from malipo import ids
from malipo.contracts.events import PaymentView
from malipo.contracts.topics import PAYMENT_COMMANDS
from malipo.messaging.unit import CLIENT_REF, Unit
from malipo.platform.tracing import carrier

RETRY_AFTER_SECONDS = "1"

router = APIRouter(prefix="/v1/payments", tags=["Payments"])
_Reader = Annotated[Caller, Depends(Gate("payments:read"))]


@router.post(
    "",
    **spec(
        "Create a payment",
        body=NewPayment,
        answers={201: PAYMENT, 202: PAYMENT},
        problems=("provider_not_configured",),
        waits=True,
    ),
)
async def create_payment(
    asked: Annotated[Command, Depends(waiting_command("payments:write"))],
    body: Annotated[NewPayment, Depends(body_of(NewPayment))],
) -> Response:
    """Accepts the payment for good, then waits briefly for its first meaningful state.

    201: the payment has a state other than plain processing: an end, `authorized`, or `requires_action` with the URL to
    send the customer to. 202: accepted and still under way; read it at `Location`, or wait for the webhook.
    """

    async def accept(unit: Unit) -> str:
        return await _accept(unit, asked.caller, body)

    done = await once(asked.parts.units, asked.attempt, body, accept)
    about(payment_id=done.resource_id, client_ref=body.client_ref)
    return await _first_state(asked, done)


@router.get("", **spec("List payments", answers={200: PAYMENTS}, query=True))
async def list_payments(
    parts: PartsOf,
    caller: Annotated[Caller, Depends(Gate("payments:read", PaymentFilters))],
    filters: Annotated[PaymentFilters, Query()],
) -> Response:
    """Newest first, one page at a time."""
    before_id = cursors.decode(filters.cursor, "pay") if filters.cursor is not None else None
    entries = await store_payments.list_payments(
        parts.units.pool, caller.merchant_id, caller.mode, filters, before_id=before_id, count=filters.limit + 1
    )
    return answer(page(entries, filters.limit, cursors.encode))


@router.get("/{payment_id}", **spec("Read a payment", answers={200: PAYMENT}, problems=("payment_not_found",)))
async def read_payment(parts: PartsOf, caller: _Reader, payment_id: str) -> Response:
    """The payment as it is now."""
    return answer(await require_payment(parts, caller, payment_id))


@router.get(
    "/{payment_id}/timeline",
    **spec("Read a payment's timeline", answers={200: TIMELINE}, problems=("payment_not_found",)),
)
async def read_timeline(parts: PartsOf, caller: _Reader, payment_id: str) -> Response:
    """Every step in causal order: from which state to which, why, on whose word, and the webhooks that told of it."""
    payment = await require_payment(parts, caller, payment_id)
    steps = await store_history.timeline(parts.units.pool, payment_id)
    return answer({"payment_id": payment_id, "status": payment.status, "steps": steps})


async def require_payment(parts: Parts, caller: Caller, payment_id: str) -> PaymentView:
    """The caller's payment. Raises `payment_not_found`, also for one of another merchant or mode."""
    payment = None
    if ids.is_id(payment_id, "pay"):
        payment = await store_payments.get_payment(parts.units.pool, payment_id, caller.merchant_id, caller.mode)
    if payment is None:
        raise Problem("payment_not_found")
    about(payment_id=payment.id, client_ref=payment.client_ref)
    return payment


async def _accept(unit: Unit, caller: Caller, body: NewPayment) -> str:
    config_version, configured = await store_config.current(unit.connection, caller.merchant_id, caller.mode)
    if not configured or (body.provider and body.provider not in configured):
        raise Problem("provider_not_configured")
    payment = first_payment(ids.new("pay"), body)
    await store_payments.add_payment(unit.connection, payment, caller.merchant_id, caller.mode)
    message = create_command(payment.id, body, caller.merchant_id, caller.mode, config_version)
    unit.send(PAYMENT_COMMANDS, payment.id, message, headers=command_headers(body.client_ref))
    return payment.id


async def _first_state(asked: Command, done: Done) -> Response:
    async def read() -> PaymentView:
        return await require_payment(asked.parts, asked.caller, done.resource_id)

    payment = await asked.parts.waiting.until(done.resource_id, read, answered, asked.wait_seconds)
    location = {"Location": f"/v1/payments/{payment.id}"}
    if answered(payment):
        return answer(payment, 201, asked.headers(done, location))
    return answer(payment, 202, asked.headers(done, location | {"Retry-After": RETRY_AFTER_SECONDS}))


def command_headers(client_ref: str | None) -> dict[str, str]:
    """What a command carries along: the trace, and the merchant's own reference."""
    return carrier() | ({CLIENT_REF: client_ref} if client_ref is not None else {})
