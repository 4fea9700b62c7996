"""`POST /v1/payment-methods`: save a method without a payment."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from gateway.accounts.configuration import current
from gateway.edge.body import body_of
from gateway.edge.idempotency import Done, once
from gateway.edge.middleware import about
from gateway.edge.mutations import Mutation, waiting_mutation
from gateway.edge.problems import Problem
from gateway.edge.responses import RETRY_AFTER_SECONDS, respond
from gateway.openapi.description import spec
from gateway.openapi.responses import PAYMENT_METHOD, PAYMENT_METHOD_PENDING
from gateway.payment_methods import store
from gateway.payments.acceptance import RecorderOf, RecordRequests, configured, send_commands
from gateway.setups.schemas import NewPaymentMethod
from gateway.setups.views import first_method, has_first_state, save_command
from malipo.contracts.events import PaymentMethodView
from malipo.messaging.unit_of_work import UnitOfWork

router = APIRouter(prefix="/v1/payment-methods", tags=["Saved payment methods"])


@router.post(
    "",
    **spec(
        "Save a payment method without a payment",
        body=NewPaymentMethod,
        responses={201: PAYMENT_METHOD, 202: PAYMENT_METHOD_PENDING},
        problems=("provider_not_configured",),
        waits=True,
        read_at="/v1/payment-methods/{payment_method_id}",
    ),
)
async def save_method(
    mutation: Annotated[Mutation, Depends(waiting_mutation("payments:write"))],
    record: RecorderOf,
    body: Annotated[NewPaymentMethod, Depends(body_of(NewPaymentMethod))],
) -> Response:
    """Has the provider keep a customer's card, and moves no money. Accepts it for good, then waits briefly for its first state.

    201: it is `active`, and can be charged; or `requires_action` with the URL to send the customer to; or `failed`. 202: accepted
    and still `pending`; read it at `Location`, or wait for the webhook. A customer who has not come back by `expires_at` leaves
    it `expired`.
    """
    accept = partial(_accept, mutation=mutation, record=record, body=body)
    done = await once(mutation.dependencies.database, mutation.request, body, accept)
    about(payment_id=done.resource_id, client_ref=body.client_ref)
    method = await _first_state(mutation, done)
    headers = mutation.headers(done, {"Location": f"/v1/payment-methods/{method.id}"})
    if method.status != "pending":
        return respond(method, 201, headers)
    return respond(method, 202, headers | {"Retry-After": RETRY_AFTER_SECONDS})


async def _accept(unit: UnitOfWork, *, mutation: Mutation, record: RecordRequests, body: NewPaymentMethod) -> str:
    """Raises `Problem`: `provider_not_configured` or `expires_at_out_of_range`."""
    merchant_id, mode = mutation.client.merchant_id, mutation.client.mode
    configuration = (await current(unit.reads, {(merchant_id, mode)}))[merchant_id, mode]
    found = configured(body.keepers, configuration, body.expires_at, body.account, mode)
    if isinstance(found, Problem):
        raise found
    expires_at = body.expires_at or configuration.read_at + min(one.rules.life for one in found)
    method = first_method(body, configuration.read_at, expires_at)
    command = save_command(
        method,
        body,
        merchant_id=merchant_id,
        mode=mode,
        config_version=configuration.version,
        configured=[one.provider.name for one in found],
    )
    store.add_method(unit, merchant_id, mode, method)
    send_commands(unit, [(command, mutation.origin(body.client_ref))], record)
    return method.id


async def _first_state(mutation: Mutation, done: Done) -> PaymentMethodView:
    client = mutation.client

    async def read() -> PaymentMethodView:
        reads = mutation.dependencies.database.reads
        found = await store.get_method(reads, done.resource_id, client.merchant_id, client.mode)
        assert found is not None  # written with the key
        return found

    return await mutation.dependencies.waiting.until(done.resource_id, read, has_first_state, mutation.wait_seconds)
