"""What happened to a payment: orchestrator to everybody, keyed by payment id."""

from typing import Any, Literal

import msgspec

from malipo import clock
from malipo.contracts.commands import CaptureMode, Mode, Transfer
from malipo.contracts.message import Message, Moment
from malipo.contracts.outcomes import Action, DisputeStatus
from malipo.contracts.retry import Retry

PaymentStatus = Literal[
    "initiated",
    "processing",
    "requires_action",
    "authorized",
    "completed",
    "returned",
    "failed",
    "canceled",
]
OperationKind = Literal["capture", "cancel", "refund", "return_request", "dispute", "fraud_warning", "detach"]
"""What the operations of a payment are; its charge is none of these."""
OpenedBy = Literal["merchant", "malipo", "provider"]
"""Who began an operation: the merchant by a command, Malipo by itself, or somebody at the provider."""
Source = Literal["merchant", "attempt", "query", "callback", "reconciliation", "deadline", "operator"]
"""What brought a transition about; `attempt`, `query` and `callback` are the ways in which a provider reports an outcome."""
OperationStatus = Literal["processing", "completed", "failed", DisputeStatus]
"""How an operation stands; a dispute, where it stands."""
Sent = Literal[
    "charge", "setup", "confirm", "capture", "cancel", "refund", "return_request", "detach", "query", "withdraw"
]
"""What a transition can send to the provider."""


class Failure(msgspec.Struct, frozen=True):
    """Why it failed: a stable `code` and a text, the provider's own if it gave one. `retry` is of a declined charge, where the provider
    tells whether its method may be charged again.
    """

    code: str
    message: str = ""
    retry: Retry | None = None


NO_CURRENCY = "XXX"
"""In ISO 4217: of what is of no money, as a detach."""


class OperationView(msgspec.Struct, frozen=True, kw_only=True):
    """A refund, capture, cancel, return request, dispute, warning of fraud or detach of a saved method as merchants see it.

    `final`, of a capture: what it leaves is released, and not held further. `respond_by` and `withdrawn` are of a dispute, as in
    `Disputed`; its `currency` may be another than the payment's. A detach moves no money: its `amount` is 0.
    """

    id: str
    payment_id: str
    kind: OperationKind
    status: OperationStatus
    amount: int
    currency: str
    created_at: Moment
    updated_at: Moment
    opened_by: OpenedBy = "merchant"
    reason: str | None = None
    failure: Failure | None = None
    provider_reference: str | None = None
    final: bool | None = None
    respond_by: Moment | None = None
    withdrawn: bool | None = None


PaymentMethodStatus = Literal[
    "pending", "requires_action", "active", "failed", "expired", "detaching", "detached", "detach_failed"
]
"""Only what is `active` can be paid with: what a payment has saved is so from the first. What is saved without one is `pending` before,
and `failed` if the provider declines, or `expired` if it was not done in time. With `detach_failed` the provider may still keep
it, and nothing here charges it.
"""


class CardView(msgspec.Struct, frozen=True, kw_only=True):
    """What merchants see of a saved card. `fingerprint` is the same for the same card, among yours of one mode. `expired`: its last
    month was over when this was told.
    """

    brand: str
    last_four: str
    exp_month: int
    exp_year: int
    fingerprint: str | None = None
    expired: bool = False


class CardChange(msgspec.Struct, frozen=True, kw_only=True):
    """What a saved card was before it was changed last, as by its network: None of what was the same. `at` is when that was learned."""

    at: Moment
    brand: str | None = None
    last_four: str | None = None
    exp_month: int | None = None
    exp_year: int | None = None
    fingerprint: str | None = None


class PaymentMethodView(msgspec.Struct, frozen=True, kw_only=True):
    """A saved method as merchants see it: whose it is, and which payment has saved it, if one has. It is charged in `account` at
    `provider`. The `card` is known once it is kept.

    `changed` is the last change of its card. `failure` is why it could not be kept, or not be detached, with that status. What
    stands behind it is of a method that is saved without a payment, and as in a payment's view.
    """

    id: str
    type: str
    status: PaymentMethodStatus
    customer_ref: str
    payment_id: str | None = None
    provider: str | None = None
    account: str
    card: CardView | None = None
    created_at: Moment
    updated_at: Moment
    changed: CardChange | None = None
    detached_at: Moment | None = None
    failure: Failure | None = None
    status_reason: str | None = None
    provider_reference: str | None = None
    client_ref: str | None = None
    metadata: dict[str, str] = {}
    return_url: str | None = None
    action: Action | None = None
    expires_at: Moment | None = None


class PaymentView(msgspec.Struct, frozen=True, kw_only=True):
    """A payment as merchants see it. Amounts in minor units of `currency`. `payer` is who pays, masked, where the provider tells.
    `amount_disputed` is what disputes have taken or hold of `amount_captured`; one in another currency counts as all of it.

    `transfer` and `remittance` are of methods by which money goes to a recipient, and so is `return_request`, the last one. `initiated` is the status of methods that have
    it (`MethodRules.initiates`), until the provider works on the payment. `statement_descriptor` is what the customer's statement shows.
    After `expires_at` nothing that takes the customer's money, or sends the merchant's, is sent any more.
    `payment_method` is the id of the saved method that it is paid with, or that it has saved; `series` of which series it is a charge.
    """

    id: str
    status: PaymentStatus
    amount: int
    currency: str
    amount_captured: int
    amount_refunded: int
    capture: CaptureMode
    method: str
    created_at: Moment
    updated_at: Moment
    status_reason: str | None = None
    provider: str | None = None
    account: str | None = None
    provider_reference: str | None = None
    client_ref: str | None = None
    customer_ref: str | None = None
    description: str | None = None
    metadata: dict[str, str] = {}
    return_url: str | None = None
    cancel_url: str | None = None
    action: Action | None = None
    failure: Failure | None = None
    expires_at: Moment | None = None
    payer: str | None = None
    remittance: str | None = None
    statement_descriptor: str | None = None
    transfer: Transfer | None = None
    return_request: OperationView | None = None
    amount_disputed: int = 0
    payment_method: str | None = None
    series: str | None = None


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """Why a transition happened: its trigger, where that came from, and the message that brought it.

    `observed_at` is when the provider's outcome was received; None if the cause was no outcome.
    """

    trigger: str
    source: Source
    message_id: str
    detail: str | None = None
    observed_at: Moment | None = None


EventType = Literal[
    "payment.processing",
    "payment.requires_action",
    "payment.authorized",
    "payment.partially_captured",
    "payment.completed",
    "payment.corrected",
    "payment.returned",
    "payment.failed",
    "payment.canceled",
    "refund.opened",
    "refund.completed",
    "refund.failed",
    "capture.failed",
    "cancel.failed",
    "return_request.completed",
    "return_request.failed",
    "payment.fraud_warning",
    "dispute.opened",
    "dispute.updated",
    "dispute.won",
    "dispute.lost",
    "payment_method.saved",
    "payment_method.updated",
    "payment_method.detached",
    "payment_method.detach_failed",
    "payment_method.requires_action",
    "payment_method.failed",
    "payment_method.expired",
]
"""The types of events that merchants receive."""
EVENT_TYPES: tuple[EventType, ...] = EventType.__args__


class PublicEvent(msgspec.Struct, frozen=True):
    """The event that merchants receive: `sequence` counts from 1 without gaps per payment, or method saved without one."""

    id: str
    type: EventType
    sequence: int


class PaymentTransitioned(Message, frozen=True, kw_only=True):
    """One transition of a payment or of one of its operations. `step` counts from 1 without gaps per payment.

    A `contradiction` changes no state: the provider has reported what cannot be true beside its earlier outcome.
    `sent` is what the transition sent to the provider. By `deadline` something happens to its subject, the operation
    or else the payment; None at an end. `payment_method` is the saved method that it is about; of one that is saved without a
    payment it is there in each step, in place of `payment`, and `payment_id` is its id.
    """

    payment_id: str
    merchant_id: str
    mode: Mode
    step: int
    from_state: str
    to_state: str
    payment: PaymentView | None = None
    cause: Cause
    config_version: int
    occurred_at: Moment
    operation: OperationView | None = None
    public_event: PublicEvent | None = None
    contradiction: bool = False
    sent: Sent | None = None
    deadline: Moment | None = None
    payment_method: PaymentMethodView | None = None


RefusalCode = Literal[
    "payment_not_capturable",
    "capture_in_progress",
    "capture_exceeds_authorized",
    "payment_not_cancelable",
    "cancel_in_progress",
    "payment_not_refundable",
    "refund_exceeds_captured",
    "return_request_impossible",
    "return_request_in_progress",
    "payment_disputed",
    "payment_method_detached",
]
"""Why a command is not carried out."""
REFUSAL_CODES: tuple[RefusalCode, ...] = RefusalCode.__args__


class CommandRefused(Message, frozen=True, kw_only=True):
    """A command that the orchestrator did not carry out: an answer to it, not a transition of the payment.

    `code` is a `RefusalCode`. It is plain text on the wire, so that an older gateway answers a newer code too.
    `command_id` is the command's message id.
    """

    payment_id: str
    merchant_id: str
    operation_id: str
    command_id: str
    code: str
    detail: str
    occurred_at: Moment


PaymentEvent = PaymentTransitioned | CommandRefused


class PublishedTransition(msgspec.Struct, frozen=True, array_like=True):
    """A step that was published under this message id; `public` if it has an event for merchants. An array on the wire."""

    payment_id: str
    step: int
    message_id: str
    public: bool


class RollCalled(Message, frozen=True, kw_only=True):
    """What was published a while ago of payments of one partition: a consumer that lacks any of it asks for it.

    It comes behind the steps that it names. Its key is that of one of its payments.
    """

    transitions: tuple[PublishedTransition, ...]


def event_body(step: PaymentTransitioned) -> dict[str, Any]:
    """The body that merchants get for a transition with an event, by webhook and from `GET /v1/events` alike.

    `data` holds the payment after the transition and, under its kind, the refund, capture or dispute that it is about, or the saved
    method. Of one that is saved without a payment it holds the method alone.
    """
    assert step.public_event is not None
    data: dict[str, Any] = {"id": step.public_event.id}
    if step.payment is not None:
        data["payment_id"] = step.payment_id
    data |= {"sequence": step.public_event.sequence, "mode": step.mode}
    if step.payment is not None:
        data["payment"] = msgspec.to_builtins(step.payment)
    if step.operation is not None:
        data[step.operation.kind] = msgspec.to_builtins(step.operation)
    if step.payment_method is not None:
        data["payment_method"] = msgspec.to_builtins(step.payment_method)
    return {
        "type": step.public_event.type,
        "timestamp": clock.iso(step.occurred_at),
        "data": data,
    }
