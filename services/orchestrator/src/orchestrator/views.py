"""What merchants see of a payment. Pure."""

from datetime import datetime

from msgspec.structs import replace

from malipo.contracts.commands import Transfer
from malipo.contracts.events import (
    NO_CURRENCY,
    CardView,
    OperationStatus,
    OperationView,
    PaymentMethodStatus,
    PaymentMethodView,
    PaymentStatus,
    PaymentView,
    RefusalCode,
)
from malipo.contracts.methods import SAVED, is_over
from malipo.contracts.outcomes import Disputed
from malipo.contracts.providers import METHODS
from orchestrator.machine import DECIDED
from orchestrator.payment import KINDS, Operation, Payment
from orchestrator.saved import SavedMethod, saved_before
from orchestrator.setups import STATUSES
from orchestrator.states import State, Subject

PUBLIC: dict[State, PaymentStatus] = {
    State.INITIATED: "processing",
    State.PROCESSING: "processing",
    State.PENDING: "processing",
    State.IN_DOUBT: "processing",
    State.REQUIRES_ACTION: "requires_action",
    State.AUTHORIZED: "authorized",
    State.COMPLETED: "completed",
    State.RETURNED: "returned",
    State.FAILED: "failed",
    State.CANCELED: "canceled",
}
"""The public status of each state of a payment: doubt and what is pending are processing, with a reason. Of what the provider
has not begun to work on, `processing` is `initiated`: see `status_of`.
"""

_OPERATION: dict[State, OperationStatus] = {
    State.INITIATED: "processing",
    State.WAITING: "processing",
    State.PROCESSING: "processing",
    State.PENDING: "processing",
    State.IN_DOUBT: "processing",
    State.COMPLETED: "completed",
    State.FAILED: "failed",
}
_METHOD: dict[State, PaymentMethodStatus] = {
    State.INITIATED: "detaching",
    State.PROCESSING: "detaching",
    State.PENDING: "detaching",
    State.IN_DOUBT: "detaching",
    State.COMPLETED: "detached",
    State.FAILED: "detach_failed",
}
"""How a saved method stands by what detaches it: what is not to be charged is not, whatever the provider says."""
_REASONS = {
    State.PENDING: "pending_at_provider",
    State.IN_DOUBT: "awaiting_provider_confirmation",
    State.REQUIRES_ACTION: "awaiting_customer",
    State.AUTHORIZED: "awaiting_capture",
}
_OPERATION_REASONS = {
    # A capture or cancel under way decides the payment's end, and a return request what becomes of its money, so it is the
    # reason, and so is a dispute; a refund under way is none.
    Subject.CAPTURE: ("capture_in_progress", "awaiting_capture_confirmation"),
    Subject.CANCEL: ("cancel_in_progress", "awaiting_cancel_confirmation"),
    Subject.REFUND: (None, "awaiting_refund_confirmation"),
    Subject.RETURN_REQUEST: ("return_requested", "awaiting_return_request_confirmation"),
    Subject.DISPUTE: ("disputed", None),
}

_AFTER_THE_END = (Subject.REFUND, Subject.RETURN_REQUEST, Subject.DISPUTE)

_NOTHING_TAKEN = "No money was taken: there is nothing to give back."
_PARTS_ARE_CAPTURED = (
    "Capture the last part, or cancel to release what is left: then it is completed, and can be refunded."
)
_ADVICE: dict[RefusalCode, dict[PaymentStatus, str]] = {
    "payment_not_capturable": {
        "processing": 'Capture it once it is authorized; one made without "capture": "manual" is captured by itself.',
        "requires_action": "Capture it once the customer has acted and it is authorized.",
        "completed": "Its money is captured already: refund it to give money back.",
        "returned": "Its money was taken and went back: make a new payment.",
        "failed": "Nothing is held: make a new payment.",
        "canceled": "What was held is released: make a new payment.",
    },
    "payment_not_cancelable": {
        "completed": "Its money is taken: refund it to give money back.",
        "returned": "Its money went back already: there is nothing to cancel.",
        "failed": "No money has moved: there is nothing to cancel.",
        "canceled": "No money has moved: there is nothing more to do.",
    },
    "payment_not_refundable": {
        "processing": "Refund it once it is completed, or cancel it now.",
        "requires_action": "No money is taken yet: cancel it instead.",
        "authorized": "No money is taken yet: cancel it to release what is held, or capture less.",
        "returned": "Its money went back already: there is nothing left to give back.",
        "failed": _NOTHING_TAKEN,
        "canceled": _NOTHING_TAKEN,
    },
}

_NOT_ASKED_BACK: dict[PaymentStatus, str] = {
    "processing": "It is not known to have arrived: cancel it as long as its bank allows, or do this once it is completed.",
    "requires_action": "No money has moved: cancel it instead.",
    "authorized": "No money has moved: cancel it to release what is held.",
    "returned": "Its money is back already.",
    "failed": "No money has moved: there is nothing to ask for.",
    "canceled": "No money has moved: there is nothing to ask for.",
}
"""Why a return request is refused, by the payment's public status."""

_ASK_FOR_IT = "Make a return request to have it asked for."
_REFUND_LATER = "Refund it once it is completed."
_WITHOUT_CANCEL: dict[tuple[RefusalCode, PaymentStatus], str] = {
    ("payment_not_refundable", "processing"): _REFUND_LATER,
    ("payment_not_refundable", "requires_action"): f"No money is taken yet. {_REFUND_LATER}",
}
"""In place of these where the payment's provider has no cancel."""


def advice(code: RefusalCode, payment: Payment, *, has_cancel: bool) -> str:
    """Why a payment in this state refuses a command with `code`, and what its merchant can do instead at its provider."""
    status = PUBLIC[payment.state]
    if code == "payment_not_refundable" and payment.is_captured_in_parts:
        return f"The payment is {status_of(payment)}, and captured in part. {_PARTS_ARE_CAPTURED}"
    text = _ADVICE[code][status]
    if payment.method.transfer is not None and status == "completed":  # nothing but to be refunded is refused then
        text = f"Its money has gone to the recipient. {why_not_asked_back(payment) or _ASK_FOR_IT}"
    elif not has_cancel:
        text = _WITHOUT_CANCEL.get((code, status), text)
    return f"The payment is {status_of(payment)}. {text}"


def why_not_asked_back(payment: Payment) -> str | None:
    """Why nobody can be asked to give the payment's money back, and what is possible instead; None where somebody can."""
    if payment.state is not State.COMPLETED:
        return f"The payment is {status_of(payment)}. {_NOT_ASKED_BACK[PUBLIC[payment.state]]}"
    if payment.reference is None:
        return "The provider has not named the payment yet. Do this again, with a new key, when it has a provider_reference."
    if any(
        one.subject is Subject.RETURN_REQUEST and one.state is State.COMPLETED for one in payment.operations.values()
    ):
        return (
            "The recipient's bank has given the money back: the payment is returned once its own bank has booked that."
        )
    rules, transfer = METHODS.get(payment.method.type, {}).get(payment.provider or ""), payment.method.transfer
    asked_over = rules.return_requests if rules else ()
    if transfer is not None and transfer.rail in asked_over:
        return None
    if not asked_over:
        return "Its method knows no return requests. Refund it, if its provider has refunds; else ask the recipient."
    return (
        f"{transfer.rail if transfer else 'Its rail'} knows no return requests; {' and '.join(asked_over)} do. Ask the recipient to "
        "send the money back."
    )


def status_of(payment: Payment) -> PaymentStatus:
    """The payment's status as merchants see it: `initiated` while the provider works on it as little as we know."""
    status = PUBLIC[payment.state]
    return "initiated" if status == "processing" and not payment.begun else status


def payment_view(payment: Payment) -> PaymentView:
    """The payment as merchants see it."""
    return PaymentView(
        id=payment.id,
        status=status_of(payment),
        status_reason=_reason(payment),
        amount=payment.amount.amount_minor,
        currency=payment.amount.currency,
        amount_captured=payment.captured_minor,
        amount_refunded=payment.refunded_minor,
        capture=payment.capture,
        method=payment.method.type,
        created_at=payment.created_at,
        updated_at=payment.updated_at,
        provider=payment.provider,
        account=payment.account,
        provider_reference=payment.reference,
        client_ref=payment.client_ref,
        customer_ref=payment.customer_ref,
        description=payment.description,
        metadata=payment.metadata,
        return_url=payment.return_url,
        cancel_url=payment.cancel_url,
        action=payment.action if payment.state is State.REQUIRES_ACTION else None,
        failure=payment.failure,
        expires_at=payment.expires_at,
        payer=payment.payer,
        remittance=payment.remittance,
        statement_descriptor=payment.statement_descriptor,
        transfer=_transfer(payment),
        return_request=_return_request(payment),
        amount_disputed=payment.disputed_minor,
        payment_method=_method_id(payment),
        series=_series(payment),
    )


def _transfer(payment: Payment) -> Transfer | None:
    transfer = payment.method.transfer
    return transfer and replace(transfer, execution_at=payment.execution_at or transfer.execution_at)


def _return_request(payment: Payment) -> OperationView | None:
    """The last one, whatever came of it: there is no other while one is open."""
    requests = [one for one in payment.operations.values() if one.subject is Subject.RETURN_REQUEST]
    last = max(requests, key=lambda one: (one.live, one.created_at, one.id), default=None)
    return last and operation_view(last, payment.amount.currency)


def _reason(payment: Payment) -> str | None:
    """Why it has its status: its own doubt first, then an operation in doubt, then one under way."""
    if payment.state is State.IN_DOUBT:
        return _REASONS[payment.state]
    live = payment.live(*(_AFTER_THE_END if payment.state in DECIDED else _OPERATION_REASONS))
    for operation in sorted(live, key=lambda one: one.state is not State.IN_DOUBT):
        if reason := _OPERATION_REASONS[operation.subject][operation.state is State.IN_DOUBT]:
            return reason
    return _REASONS.get(payment.state)


def payment_method_view(payment: Payment, now: datetime) -> PaymentMethodView | None:
    """The method that the payment has saved, as merchants see it."""
    saved, customer_ref, detach = payment.saved, payment.customer_ref, payment.detach
    if payment.subject is Subject.SETUP:
        return _setup_view(payment, now)
    if saved is None or payment.provider is None or customer_ref is None:
        return None
    return PaymentMethodView(
        id=saved.id,
        type=saved.type,
        status=_METHOD[detach.state] if detach else "active",
        customer_ref=customer_ref,
        payment_id=payment.id,
        provider=payment.provider,
        account=payment.account,
        card=_card_view(saved, now),
        created_at=saved.created_at,
        updated_at=max(saved.updated_at, detach.updated_at) if detach else saved.updated_at,
        changed=saved.changed,
        detached_at=detach.updated_at if detach and detach.state is State.COMPLETED else None,
        failure=detach and detach.failure,
    )


def _card_view(saved: SavedMethod, now: datetime) -> CardView:
    return CardView(
        brand=saved.brand,
        last_four=saved.last_four,
        exp_month=saved.exp_month,
        exp_year=saved.exp_year,
        fingerprint=saved.fingerprint,
        expired=is_over(saved.exp_year, saved.exp_month, now),
    )


def _setup_view(setup: Payment, now: datetime) -> PaymentMethodView:
    """The method that is saved without a payment, as merchants see it from the first."""
    saved, detach = setup.saved, setup.detach
    assert setup.customer_ref is not None, "a method is kept for somebody"
    return PaymentMethodView(
        id=setup.id,
        type=setup.method.type,
        status=_METHOD[detach.state] if detach else STATUSES[setup.state],
        customer_ref=setup.customer_ref,
        provider=setup.provider,
        account=setup.account,
        card=saved and _card_view(saved, now),
        created_at=setup.created_at,
        updated_at=setup.updated_at,
        changed=saved and saved.changed,
        detached_at=detach.updated_at if detach and detach.state is State.COMPLETED else None,
        failure=detach.failure if detach else setup.failure,
        status_reason=_REASONS.get(setup.state),
        provider_reference=setup.reference,
        client_ref=setup.client_ref,
        metadata=setup.metadata,
        return_url=setup.return_url,
        action=setup.action if setup.state is State.REQUIRES_ACTION else None,
        expires_at=setup.expires_at,
    )


def _method_id(payment: Payment) -> str | None:
    """The saved method that it is paid with, or that it has saved."""
    return saved_before(payment.method) or (payment.saved and payment.saved.id)


def _series(payment: Payment) -> str | None:
    """The merchant's series that it is a charge of: the gateway has seen to its rules."""
    return payment.method.details.get("series") if payment.method.type == SAVED else None


def operation_view(operation: Operation, currency: str) -> OperationView:
    """An operation of a payment as merchants see it."""
    if operation.subject is Subject.DETACH:
        currency = NO_CURRENCY
    if operation.dispute is not None:
        return _dispute_view(operation, operation.dispute)
    return OperationView(
        id=operation.id,
        payment_id=operation.payment_id,
        kind=KINDS[operation.subject],
        status=_OPERATION[operation.state],
        amount=operation.amount_minor,
        currency=currency,
        created_at=operation.created_at,
        updated_at=operation.updated_at,
        opened_by=operation.opened_by,
        reason=operation.reason,
        failure=operation.failure,
        provider_reference=operation.reference,
        final=operation.final if operation.subject is Subject.CAPTURE else None,
    )


def _dispute_view(operation: Operation, dispute: Disputed) -> OperationView:
    return OperationView(
        id=operation.id,
        payment_id=operation.payment_id,
        kind="dispute",
        status=dispute.status,
        amount=dispute.amount.amount_minor,
        currency=dispute.amount.currency,
        created_at=operation.created_at,
        updated_at=operation.updated_at,
        opened_by=operation.opened_by,
        reason=dispute.reason,
        provider_reference=operation.reference,
        respond_by=dispute.respond_by,
        withdrawn=dispute.withdrawn,
    )
