"""`/v1/payments`: create a payment, read one, list them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from msgspec import to_builtins
from starlette.responses import Response

from gateway.edge import cursors
from gateway.edge.admission import Admission
from gateway.edge.authentication import MerchantClient
from gateway.edge.body import body_of
from gateway.edge.dependencies import DependenciesOf
from gateway.edge.direct import DirectRoute
from gateway.edge.idempotency import Done
from gateway.edge.middleware import about
from gateway.edge.mutations import Mutation, waiting_mutation
from gateway.edge.responses import RETRY_AFTER_SECONDS, page, respond
from gateway.openapi.description import spec
from gateway.openapi.responses import PAYMENT, PAYMENT_SETTLED, PAYMENT_UNDER_WAY, PAYMENTS
from gateway.payments import store
from gateway.payments.acceptance import acceptance_of
from gateway.payments.access import require_payment
from gateway.payments.schemas import NewPayment, PaymentFilters
from gateway.payments.views import UNDER_WAY, has_first_state
from malipo.contracts.events import PaymentView

creating = APIRouter(prefix="/v1/payments", tags=["Payments"], route_class=DirectRoute)
router = APIRouter(prefix="/v1/payments", tags=["Payments"])
_admit = waiting_mutation("payments:write", recorded_with_change=True)
_read_body = body_of(NewPayment)
_Reader = Annotated[MerchantClient, Depends(Admission("payments:read"))]


@creating.post(
    "",
    dependencies=[Depends(_admit)],
    **spec(
        "Create a payment",
        body=NewPayment,
        responses={201: PAYMENT, 202: PAYMENT_UNDER_WAY},
        problems=(
            "provider_not_configured",
            *(
                "payment_method_not_found",
                "payment_method_not_active",
                "payment_method_detached",
                "payment_method_expired",
                "payment_method_declined",
            ),
            *("series_not_found", "series_limit_reached", "series_amount_exceeded"),
        ),
        waits=True,
        read_at="/v1/payments/{payment_id}",
    ),
)
async def create_payment(request: Request) -> Response:
    """Accepts the payment for good, then waits briefly for its first meaningful state.

    201: the payment has come to a state: an end, `authorized`, or `requires_action` with the URL to send the customer
    to. 202: accepted and still `initiated` or `processing`, with a `status_reason` when it is in doubt; read it at
    `Location`, or wait for the webhook. A transfer is `initiated` until its bank works on it, perhaps not before its
    rail opens, and is canceled as long as its bank allows.
    """
    mutation = await _admit(request)
    body = await _read_body(request)
    origin = mutation.origin(body.client_ref)
    done, payment = await acceptance_of(request).accept(mutation.request, body, origin, mutation.unwritten)
    about(payment_id=done.resource_id, client_ref=body.client_ref)
    if payment is None or mutation.wait_seconds > 0:
        payment = await _first_state(mutation, done)
    headers = mutation.headers(done, {"Location": f"/v1/payments/{payment.id}"})
    if payment.status not in UNDER_WAY:
        return respond(payment, 201, headers)
    return respond(payment, 202, headers | {"Retry-After": RETRY_AFTER_SECONDS})


@router.get("", **spec("List payments", responses={200: PAYMENTS}, query=True))
async def list_payments(
    dependencies: DependenciesOf,
    client: Annotated[MerchantClient, Depends(Admission("payments:read", PaymentFilters))],
    filters: Annotated[PaymentFilters, Query()],
) -> Response:
    """Newest first, one page at a time."""
    before_id = cursors.decode(filters.cursor, "pay") if filters.cursor is not None else None
    entries = await store.list_payments(
        dependencies.database.reads,
        client.merchant_id,
        client.mode,
        filters,
        before_id=before_id,
        count=filters.limit + 1,
    )
    return respond(page(entries, filters.limit, cursors.encode))


@router.get(
    "/{payment_id}", **spec("Read a payment", responses={200: PAYMENT_SETTLED}, problems=("payment_not_found",))
)
async def read_payment(dependencies: DependenciesOf, client: _Reader, payment_id: str) -> Response:
    """The payment as it is now, and `settled`, what has moved of it in your account's balance less what the provider has
    kept: there some minutes later, where the provider shows it.
    """
    payment = await require_payment(dependencies, client, payment_id)
    reads, has_money = dependencies.database.reads, payment.amount_captured > 0
    moved = await store.settled(reads, payment.id, client.merchant_id, client.mode) if has_money else []
    return respond(to_builtins(payment) | {"settled": moved} if moved else payment)


async def _first_state(mutation: Mutation, done: Done) -> PaymentView:
    async def read() -> PaymentView:
        return await require_payment(mutation.dependencies, mutation.client, done.resource_id)

    return await mutation.dependencies.waiting.until(done.resource_id, read, has_first_state, mutation.wait_seconds)
