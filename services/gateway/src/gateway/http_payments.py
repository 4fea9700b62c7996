"""`/v1/payments`: create a payment, read one, list them, and see how one came to be where it is."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from gateway import cursors, store_history, store_payments
from gateway.auth import Caller
from gateway.explain import explained
from gateway.http_edge import (
    RETRY_AFTER_SECONDS,
    Command,
    Gate,
    answer,
    body_of,
    page,
    require_payment,
    waiting_command,
)
from gateway.http_envelope import about
from gateway.idempotency import Done
from gateway.openapi import EXPLANATION, PAYMENT, PAYMENT_UNDER_WAY, PAYMENTS, TIMELINE, spec
from gateway.parts import PartsOf
from gateway.schemas import NewPayment, PaymentFilters
from gateway.timeline import arranged, is_whole
from gateway.views import answered
from malipo.contracts.events import PaymentView
from malipo.messaging.database import time_of

router = APIRouter(prefix="/v1/payments", tags=["Payments"])
_Reader = Annotated[Caller, Depends(Gate("payments:read"))]


@router.post(
    "",
    **spec(
        "Create a payment",
        body=NewPayment,
        answers={201: PAYMENT, 202: PAYMENT_UNDER_WAY},
        problems=("provider_not_configured",),
        waits=True,
        read_at="/v1/payments/{payment_id}",
    ),
)
async def create_payment(
    asked: Annotated[Command, Depends(waiting_command("payments:write"))],
    body: Annotated[NewPayment, Depends(body_of(NewPayment))],
) -> Response:
    """Accepts the payment for good, then waits briefly for its first meaningful state.

    201: the payment has come to a state: an end, `authorized`, or `requires_action` with the URL to send the customer
    to. 202: accepted and still `processing`, with a `status_reason` when the provider's word is in doubt; read it at
    `Location`, or wait for the webhook.
    """
    done, payment = await asked.parts.acceptance.accept(asked.sending, body, asked.origin(body.client_ref))
    about(payment_id=done.resource_id, client_ref=body.client_ref)
    if payment is None or asked.wait_seconds > 0:
        payment = await _first_state(asked, done)
    headers = asked.headers(done, {"Location": f"/v1/payments/{payment.id}"})
    if payment.status != "processing":
        return answer(payment, 201, headers)
    return answer(payment, 202, headers | {"Retry-After": RETRY_AFTER_SECONDS})


@router.get("", **spec("List payments", answers={200: PAYMENTS}, query=True))
async def list_payments(
    parts: PartsOf,
    caller: Annotated[Caller, Depends(Gate("payments:read", PaymentFilters))],
    filters: Annotated[PaymentFilters, Query()],
) -> Response:
    """Newest first, one page at a time."""
    before_id = cursors.decode(filters.cursor, "pay") if filters.cursor is not None else None
    entries = await store_payments.list_payments(
        parts.units.reads, caller.merchant_id, caller.mode, filters, before_id=before_id, count=filters.limit + 1
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
    """What every service did, in causal order: requests, steps, what providers were asked and said, webhooks.

    A cause stands before its effect, whatever the clocks of two machines say. `complete` is false while the cause of an
    entry is still on its way, which takes less than a second; and of a payment with more entries than the newest
    thousand, which are shown.
    """
    payment = await require_payment(parts, caller, payment_id)
    entries = arranged(await store_history.timeline(parts.units.reads, payment_id))
    complete = is_whole(entries) and len(entries) < store_history.MAX_ENTRIES
    return answer({"payment_id": payment_id, "status": payment.status, "complete": complete, "entries": entries})


@router.get(
    "/{payment_id}/explain",
    **spec("Explain a payment", answers={200: EXPLANATION}, problems=("payment_not_found",)),
)
async def explain_payment(parts: PartsOf, caller: _Reader, payment_id: str) -> Response:
    """In plain words and as data: why it is in its state, since when, what happens next, and what you may safely do.

    The same of each capture, cancel and refund.
    """
    payment = await require_payment(parts, caller, payment_id)
    reads = parts.units.reads
    entries = await store_history.explaining(reads, payment_id)
    operations = await store_payments.list_operations(
        reads, payment_id, caller.merchant_id, caller.mode, count=store_history.MAX_EXPLAINING
    )
    return answer(explained(payment, operations, entries, await time_of(reads)))


async def _first_state(asked: Command, done: Done) -> PaymentView:
    async def read() -> PaymentView:
        return await require_payment(asked.parts, asked.caller, done.resource_id)

    return await asked.parts.waiting.until(done.resource_id, read, answered, asked.wait_seconds)
