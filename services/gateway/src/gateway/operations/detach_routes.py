"""`POST /v1/payment-methods/{id}/detach`: an operation of the payment that has saved the method, which nothing is paid with from then on."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from gateway.accounts.configuration import current
from gateway.edge.body import body_of
from gateway.edge.idempotency import Done, once
from gateway.edge.middleware import about
from gateway.edge.mutations import Mutation, waiting_mutation
from gateway.edge.problems import FieldError, Problem, of_fields
from gateway.edge.responses import RETRY_AFTER_SECONDS, respond
from gateway.openapi.description import spec
from gateway.openapi.responses import PAYMENT_METHOD, PAYMENT_METHOD_DETACHING
from gateway.operations import store
from gateway.operations.schemas import NewDetach
from gateway.operations.views import first_detach
from gateway.payment_methods import store as payment_methods
from gateway.payments.acceptance import RecorderOf, RecordRequests, not_configured, send_commands
from gateway.payments.access import require_payment
from gateway.payments.fitting import operation_misfit
from malipo import ids
from malipo.contracts.commands import DetachMethod
from malipo.contracts.events import PaymentMethodView
from malipo.contracts.providers import PROVIDERS
from malipo.messaging.unit_of_work import UnitOfWork

router = APIRouter(prefix="/v1/payment-methods", tags=["Saved payment methods"])


@router.post(
    "/{payment_method_id}/detach",
    **spec(
        "Detach a saved payment method",
        body=NewDetach,
        responses={200: PAYMENT_METHOD, 202: PAYMENT_METHOD_DETACHING},
        problems=(
            "payment_method_not_found",
            "payment_method_not_active",
            "operation_unsupported",
            "provider_not_configured",
        ),
        waits=True,
    ),
)
async def detach(
    mutation: Annotated[Mutation, Depends(waiting_mutation("payments:write"))],
    record: RecorderOf,
    payment_method_id: str,
    body: Annotated[NewDetach, Depends(body_of(NewDetach))],
) -> Response:
    """From the moment this is accepted no new payment is made with it; one that was accepted before ends as the provider says.

    200: it is `detached`, now or before, or with `detach_failed` the provider could not: `failure` says why, and you can ask once
    more. 202: it is `detaching`; wait for `payment_method.detached`.
    """
    accept = partial(_accept, mutation=mutation, record=record, method_id=payment_method_id)
    done = await once(mutation.dependencies.database, mutation.request, body, accept)
    return await _end(mutation, done, payment_method_id)


async def _accept(unit: UnitOfWork, *, mutation: Mutation, record: RecordRequests, method_id: str) -> str:
    owner = mutation.client.merchant_id, mutation.client.mode
    locked = await payment_methods.lock(unit, method_id, *owner) if ids.is_id(method_id, "pm") else None
    if locked is None:
        raise Problem("payment_method_not_found")
    method = locked.method
    if method.status in ("detaching", "detached"):
        return locked.detach_id or method.id
    if method.status not in ("active", "detach_failed"):
        raise Problem("payment_method_not_active", f"It is {method.status}: nothing is kept that could be detached.")
    configuration = (await current(unit.reads, {owner}))[owner]
    provider = method.provider
    assert provider is not None  # that keeps it
    _check_provider(provider)
    if not configuration.has(provider, method.account):
        raise not_configured(provider, method.account, mutation.client.mode)
    client_ref = method.client_ref
    if method.payment_id is not None:
        client_ref = (await require_payment(mutation.dependencies, mutation.client, method.payment_id)).client_ref
    command = DetachMethod(payment_id=method.payment_id or method.id, detach_id=ids.new("det", configuration.read_at))
    await payment_methods.begin_detach(unit, method, command.detach_id)
    store.add_operation(unit, first_detach(command.detach_id, command.payment_id), *owner)
    send_commands(unit, [(command, mutation.origin(client_ref, command.detach_id))], record)
    return command.detach_id


def _check_provider(provider: str) -> None:
    if misfit := operation_misfit(PROVIDERS[provider], "detach", None, whole=0, before=0):
        raise of_fields([FieldError(*misfit)])


async def _end(mutation: Mutation, done: Done, method_id: str) -> Response:
    """How the method stands within the time to wait."""
    client, reads = mutation.client, mutation.dependencies.database.reads

    async def read() -> PaymentMethodView:
        found = await payment_methods.get_method(reads, method_id, client.merchant_id, client.mode)
        assert found is not None  # it was locked
        return found

    method = await mutation.dependencies.waiting.until(
        method_id, read, lambda found: found.status != "detaching", mutation.wait_seconds
    )
    about(payment_id=method.payment_id or method.id)
    headers = mutation.headers(done)
    if method.status == "detaching":
        return respond(method, 202, headers | {"Retry-After": RETRY_AFTER_SECONDS})
    return respond(method, 200, headers)
