"""Captures, cancels, refunds and return requests: commands to the orchestrator, which may refuse them, and what became of them."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from msgspec.structs import replace
from starlette.responses import Response

from gateway.accounts.configuration import Configuration, current
from gateway.edge import cursors
from gateway.edge.admission import Admission
from gateway.edge.authentication import MerchantClient
from gateway.edge.body import body_of
from gateway.edge.dependencies import Dependencies, DependenciesOf
from gateway.edge.fields import Page
from gateway.edge.idempotency import Done, once
from gateway.edge.mutations import Mutation, waiting_mutation
from gateway.edge.problems import FieldError, Problem, of_fields
from gateway.edge.responses import RETRY_AFTER_SECONDS, page, respond
from gateway.openapi.description import spec
from gateway.openapi.responses import DISPUTES, OPERATION, OPERATION_UNDER_WAY, REFUNDS
from gateway.operations import store
from gateway.operations.schemas import (
    CANCEL_REFUSALS,
    CAPTURE_REFUSALS,
    REFUND_REFUSALS,
    RETURN_REFUSALS,
    NewCancel,
    NewCapture,
    NewRefund,
    NewReturnRequest,
)
from gateway.operations.views import Operation, first_operation
from gateway.payments.acceptance import RecorderOf, RecordRequests, not_configured, send_commands
from gateway.payments.access import require_payment
from gateway.payments.fitting import final_misfit, operation_misfit, step_misfit
from malipo import ids
from malipo.contracts.commands import DEFAULT_ACCOUNT, CancelPayment, CapturePayment, RefundPayment, RequestReturn
from malipo.contracts.descriptor import Misfit, ProviderDescriptor
from malipo.contracts.events import OperationView, PaymentView
from malipo.contracts.identity import PREFIXES
from malipo.contracts.providers import METHODS, PROVIDERS
from malipo.messaging.unit_of_work import UnitOfWork

router = APIRouter(prefix="/v1", tags=["Payments"])
_STARTED = {201: OPERATION, 202: OPERATION_UNDER_WAY}
_NOT_FOUND = ("payment_not_found",)


@router.post(
    "/payments/{payment_id}/capture",
    **spec(
        "Capture a payment",
        body=NewCapture,
        responses=_STARTED,
        problems=(*_NOT_FOUND, *CAPTURE_REFUSALS, "operation_unsupported", "provider_not_configured"),
        waits=True,
    ),
)
async def capture(
    mutation: Annotated[Mutation, Depends(waiting_mutation("payments:write"))],
    record: RecorderOf,
    payment_id: str,
    body: Annotated[NewCapture, Depends(body_of(NewCapture))],
) -> Response:
    """Captures what an authorized payment reserved, or less of it; the rest is released, or stays reserved if it is not `final`."""

    def command_at(now: datetime) -> CapturePayment:
        return CapturePayment(
            payment_id=payment_id, capture_id=ids.new("cap", now), amount_minor=body.amount, final=body.final
        )

    return await _operate(mutation, record, payment_id, command_at, body)


@router.post(
    "/payments/{payment_id}/cancel",
    **spec(
        "Cancel a payment",
        body=NewCancel,
        responses=_STARTED,
        problems=(*_NOT_FOUND, *CANCEL_REFUSALS, "operation_unsupported"),
        waits=True,
    ),
)
async def cancel(
    mutation: Annotated[Mutation, Depends(waiting_mutation("payments:write"))],
    record: RecorderOf,
    payment_id: str,
    body: Annotated[NewCancel, Depends(body_of(NewCancel))],
) -> Response:
    """Cancels a payment that has moved no money. `completed`: it is canceled; `failed`: it was too late, see `failure`.

    While it is not known whether it has, the cancel waits (202): a charge that was not sent yet is stopped, a hold is
    released as soon as the provider reports it, and once money has moved the cancel ends as `cancel_too_late`.
    """

    def command_at(now: datetime) -> CancelPayment:
        return CancelPayment(payment_id=payment_id, cancel_id=ids.new("can", now))

    return await _operate(mutation, record, payment_id, command_at, body)


@router.post(
    "/payments/{payment_id}/refunds",
    **spec(
        "Refund a payment",
        body=NewRefund,
        responses=_STARTED,
        problems=(*_NOT_FOUND, *REFUND_REFUSALS, "operation_unsupported", "provider_not_configured"),
        waits=True,
        tag="Refunds",
        read_at="/v1/refunds/{refund_id}",
    ),
)
async def refund(
    mutation: Annotated[Mutation, Depends(waiting_mutation("refunds:write"))],
    record: RecorderOf,
    payment_id: str,
    body: Annotated[NewRefund, Depends(body_of(NewRefund))],
) -> Response:
    """Refunds all that is left or part of it. Refunds never exceed what was captured, however many run, and what disputes have taken.

    While a dispute is open it is refused as `payment_disputed`, unless you insist with `despite_dispute`.
    """

    def command_at(now: datetime) -> RefundPayment:
        refund_id = ids.new("ref", now)
        return RefundPayment(
            payment_id=payment_id,
            refund_id=refund_id,
            amount_minor=body.amount,
            reason=body.reason,
            despite_dispute=body.despite_dispute,
        )

    return await _operate(mutation, record, payment_id, command_at, body)


@router.get(
    "/payments/{payment_id}/refunds",
    **spec("List a payment's refunds", responses={200: REFUNDS}, problems=_NOT_FOUND, query=True, tag="Refunds"),
)
async def list_refunds(
    dependencies: DependenciesOf,
    client: Annotated[MerchantClient, Depends(Admission("payments:read", Page))],
    payment_id: str,
    query: Annotated[Page, Query()],
) -> Response:
    """Newest first, one page at a time; refused ones are among them as `failed`."""
    return await _page_of(dependencies, client, payment_id, query, "refund")


@router.get(
    "/payments/{payment_id}/disputes",
    **spec("List a payment's disputes", responses={200: DISPUTES}, problems=_NOT_FOUND, query=True),
)
async def list_disputes(
    dependencies: DependenciesOf,
    client: Annotated[MerchantClient, Depends(Admission("payments:read", Page))],
    payment_id: str,
    query: Annotated[Page, Query()],
) -> Response:
    """Newest first, one page at a time: `status`, `reason`, and until when you can answer at the provider."""
    return await _page_of(dependencies, client, payment_id, query, "dispute")


async def _page_of(
    dependencies: Dependencies, client: MerchantClient, payment_id: str, query: Page, kind: Literal["refund", "dispute"]
) -> Response:
    payment = await require_payment(dependencies, client, payment_id)
    before_id = cursors.decode(query.cursor, PREFIXES[kind]) if query.cursor is not None else None
    entries = await store.list_kind(
        dependencies.database.reads,
        kind,
        payment.id,
        client.merchant_id,
        client.mode,
        before_id=before_id,
        count=query.limit + 1,
    )
    return respond(page(entries, query.limit, cursors.encode))


@router.get(
    "/refunds/{refund_id}",
    **spec("Read a refund", responses={200: OPERATION}, problems=("refund_not_found",), tag="Refunds"),
)
async def read_refund(
    dependencies: DependenciesOf, client: Annotated[MerchantClient, Depends(Admission("payments:read"))], refund_id: str
) -> Response:
    """The refund as it is now."""
    found = None
    if ids.is_id(refund_id, "ref"):
        found = await store.get_operation(dependencies.database.reads, refund_id, client.merchant_id, client.mode)
    if found is None:
        raise Problem("refund_not_found")
    return respond(found.view)


@router.post(
    "/payments/{payment_id}/return-request",
    **spec(
        "Ask for a transfer's money back",
        body=NewReturnRequest,
        responses=_STARTED,
        problems=(*_NOT_FOUND, *RETURN_REFUSALS, "operation_unsupported", "provider_not_configured"),
        waits=True,
    ),
)
async def request_return(
    mutation: Annotated[Mutation, Depends(waiting_mutation("payments:write"))],
    record: RecorderOf,
    payment_id: str,
    body: Annotated[NewReturnRequest, Depends(body_of(NewReturnRequest))],
) -> Response:
    """Asks the recipient's bank to give back all of a completed transfer, where its rail knows that. It may refuse, and take days.

    `return_request.completed`: it gives the money back; `payment.returned` follows when your own bank has booked it.
    `return_request.failed`: it refused, or nobody could be asked.
    """

    def command_at(now: datetime) -> RequestReturn:
        return RequestReturn(payment_id=payment_id, return_request_id=ids.new("ret", now), reason=body.reason)

    return await _operate(mutation, record, payment_id, command_at, body)


type _OperationCommand = CapturePayment | CancelPayment | RefundPayment | RequestReturn

type _CommandAt = Callable[[datetime], _OperationCommand]
"""The command with an id of the database's moment: operations are dated, and refunds listed, by their ids."""


async def _operate(
    mutation: Mutation,
    record: RecordRequests,
    payment_id: str,
    command_at: _CommandAt,
    body: NewCapture | NewCancel | NewRefund | NewReturnRequest,
) -> Response:
    payment = await require_payment(mutation.dependencies, mutation.client, payment_id)
    accept = partial(_accept, mutation=mutation, record=record, payment=payment, command_at=command_at)
    done = await once(mutation.dependencies.database, mutation.request, body, accept)
    return await _end(mutation, done)


async def _accept(
    unit: UnitOfWork, *, mutation: Mutation, record: RecordRequests, payment: PaymentView, command_at: _CommandAt
) -> str:
    owner = mutation.client.merchant_id, mutation.client.mode
    configuration = (await current(unit.reads, {owner}))[owner]
    command = command_at(configuration.read_at)
    _check_providers(command, payment)
    if not isinstance(command, CancelPayment):  # which may be all that is left to do without credentials
        _check_credentials(configuration, mutation.client, payment)
    view = _first_view(command, payment)
    store.add_operation(unit, view, mutation.client.merchant_id, mutation.client.mode)
    send_commands(unit, [(command, mutation.origin(payment.client_ref, view.id))], record)
    return view.id


def _check_providers(command: _OperationCommand, payment: PaymentView) -> None:
    """The orchestrator alone knows what is left of the payment, and refuses more; what providers can do is known here.

    Until it is known here who carries the payment out, it may be any that has its method.
    """
    names = METHODS.get(payment.method, ()) if payment.provider is None else (payment.provider,)
    misfits = [_misfit(PROVIDERS[name], command, payment) for name in names]
    if misfits and all(misfits) and (misfit := misfits[0]):
        raise of_fields([FieldError(*misfit)])


def _misfit(provider: ProviderDescriptor, command: _OperationCommand, payment: PaymentView) -> Misfit | None:
    if isinstance(command, CancelPayment):  # what is not at the provider yet is stopped here, whatever that can do
        is_there = payment.status in ("requires_action", "authorized")
        return operation_misfit(provider, "cancel", None, whole=payment.amount, before=0) if is_there else None
    if isinstance(command, RequestReturn):
        return operation_misfit(provider, "return_request", None, whole=payment.amount, before=0)
    amount = command.amount_minor
    if isinstance(command, CapturePayment):
        left = (payment.amount - payment.amount_captured) or payment.amount
        misfit = operation_misfit(provider, "capture", amount, whole=left, before=0)
        misfit = misfit or final_misfit(provider, final=command.final)
    else:
        whole, before = payment.amount_captured or payment.amount, payment.amount_refunded
        misfit = operation_misfit(provider, "refund", amount, whole=whole, before=before)
    rules = provider.rules_of(payment.method)  # none for money that came without a payment of ours
    rule = rules and rules.currencies.get(payment.currency)
    return misfit or (rule and step_misfit(rule, amount))


def _check_credentials(configuration: Configuration, client: MerchantClient, payment: PaymentView) -> None:
    if payment.provider is None:  # not known here yet, if there is one
        return
    if not configuration.has(payment.provider, payment.account or DEFAULT_ACCOUNT):
        raise not_configured(payment.provider, payment.account or DEFAULT_ACCOUNT, client.mode)


def _first_view(command: _OperationCommand, payment: PaymentView) -> OperationView:
    match command:
        case CapturePayment():
            view = first_operation(command.capture_id, "capture", payment, command.amount_minor, None)
            return replace(view, final=command.final)
        case CancelPayment():
            return first_operation(command.cancel_id, "cancel", payment, None, None)
        case RefundPayment():
            return first_operation(command.refund_id, "refund", payment, command.amount_minor, command.reason)
        case RequestReturn():
            return first_operation(command.return_request_id, "return_request", payment, None, command.reason)


async def _end(mutation: Mutation, done: Done) -> Response:
    """What became of the operation within the time to wait. A refusal is an answer, and stays the same on a replay."""

    async def read() -> Operation:
        client = mutation.client
        found = await store.get_operation(
            mutation.dependencies.database.reads, done.resource_id, client.merchant_id, client.mode
        )
        assert found is not None  # written with the key
        return found

    operation = await mutation.dependencies.waiting.until(
        done.resource_id, read, lambda found: found.ended, mutation.wait_seconds
    )
    if operation.refusal is not None:
        raise Problem(operation.refusal.code, operation.refusal.detail, headers=mutation.headers(done))
    headers = mutation.headers(done, {"Location": _location(operation.view)})
    if operation.ended:
        return respond(operation.view, 201, headers)
    return respond(operation.view, 202, headers | {"Retry-After": RETRY_AFTER_SECONDS})


def _location(view: OperationView) -> str:
    return f"/v1/refunds/{view.id}" if view.kind == "refund" else f"/v1/payments/{view.payment_id}"
