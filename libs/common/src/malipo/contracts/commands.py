"""What merchants ask for: gateway to orchestrator, keyed by payment id."""

from typing import Any, Literal

import msgspec

from malipo.contracts.message import Message, Moment
from malipo.money import Money

Mode = Literal["test", "live"]
CaptureMode = Literal["automatic", "manual"]


LatePayments = Literal["keep", "refund"]
"""What a merchant wants done with money that arrives after its payment had ended without it."""
DEFAULT_ACCOUNT = "default"
"""The label of the account at a provider that is used when no other is named."""


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """How money goes to a recipient, as merchants see it: over which rail, and whether Malipo chose that.

    `execution_at` is when it goes, by the rail's hours until the provider has said it. `recipient` is masked.
    """

    rail: str
    rail_chosen: bool
    execution_at: Moment
    recipient: dict[str, Any]


class SavedReference(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider calls a saved method, and whose it is there (`holder`). Between services alone: shown to nobody."""

    reference: str
    holder: str | None = None


class PaymentMethod(msgspec.Struct, frozen=True, kw_only=True):
    """How the customer pays: the fields of the provider's own model of this `type`, see `contracts/providers`.

    What is about a person is masked in `details`; `personal` holds it sealed. `transfer` is of a method by which money goes
    to a recipient. `saved` is of one that was saved before, put there by the orchestrator, which owns these.
    """

    type: str
    details: dict[str, Any] = {}
    personal: str | None = None
    transfer: Transfer | None = None
    saved: SavedReference | None = None


class CreatePayment(Message, frozen=True, kw_only=True):
    """Start one payment. `config_version` is the merchant's configuration that the gateway saw.

    After `expires_at`, by the clock of the sending service's database, nothing that takes the customer's money is sent
    any more. Without it the intent is good for the `life` of its method, from when the orchestrator applies the command.
    `configured` are the providers at which the merchant has this account: routing chooses among them.
    `account` is the label of the merchant's account at the provider, `customer_ref` the merchant's name of the customer.
    `remittance` is what the recipient of the money reads with it, `statement_descriptor` what the customer's statement shows. With
    `save_method` the method is kept for later payments of the customer, who has a `customer_ref` then.
    """

    payment_id: str
    merchant_id: str
    mode: Mode
    amount: Money
    method: PaymentMethod
    capture: CaptureMode
    config_version: int
    provider: str | None = None
    configured: tuple[str, ...]
    account: str = DEFAULT_ACCOUNT
    late_payments: LatePayments = "keep"
    customer_ref: str | None = None
    client_ref: str | None = None
    description: str | None = None
    metadata: dict[str, str] = {}  # noqa: RUF012 - msgspec makes a new one each time
    return_url: str | None = None
    cancel_url: str | None = None
    expires_at: Moment | None = None
    remittance: str | None = None
    statement_descriptor: str | None = None
    save_method: bool = False


class SaveMethod(Message, frozen=True, kw_only=True):
    """Keep a customer's method for later payments, without a payment: no money moves. `customer_ref` is whose it is.

    `payment_id` is the method's own id: what is told of it travels as what is told of a payment does. All else is as in
    `CreatePayment`; after `expires_at` nothing that could keep it is sent any more.
    """

    payment_id: str
    merchant_id: str
    mode: Mode
    method: PaymentMethod
    customer_ref: str
    config_version: int
    provider: str | None = None
    configured: tuple[str, ...]
    account: str = DEFAULT_ACCOUNT
    client_ref: str | None = None
    metadata: dict[str, str] = {}  # noqa: RUF012 - msgspec makes a new one each time
    return_url: str | None = None
    expires_at: Moment | None = None


class CapturePayment(Message, frozen=True, kw_only=True):
    """Capture an authorized amount, or less of it; without an amount, all that is left.

    What a `final` capture leaves is released; after another one it is still held, for further captures.
    """

    payment_id: str
    capture_id: str
    amount_minor: int | None = None
    final: bool = True


class CancelPayment(Message, frozen=True, kw_only=True):
    """Cancel a payment that has not taken money yet; if it is not known whether it has, the cancel is deferred until then."""

    payment_id: str
    cancel_id: str


class RefundPayment(Message, frozen=True, kw_only=True):
    """Refund money; without an amount, all that is left. `despite_dispute`: also while a dispute is open, whose end may take it again."""

    payment_id: str
    refund_id: str
    amount_minor: int | None = None
    reason: str | None = None
    despite_dispute: bool = False


class RequestReturn(Message, frozen=True, kw_only=True):
    """Ask whoever got the money of a completed payment to give all of it back; they may refuse."""

    payment_id: str
    return_request_id: str
    reason: str | None = None


class DetachMethod(Message, frozen=True, kw_only=True):
    """Detach the method that this payment has saved, or that is this one: no payment is made with it any more."""

    payment_id: str
    detach_id: str


PaymentCommand = (
    CreatePayment | SaveMethod | CapturePayment | CancelPayment | RefundPayment | RequestReturn | DetachMethod
)


class ResendEvents(Message, frozen=True, kw_only=True):
    """Resend these steps of the payment, under the message ids that they had; without anything named, all.

    `operation_ids` asks for what was published of these operations, refusals included; the payment's own id for its
    first step. A consumer that lacks them sends it. Consumers that have them drop the repeats by those ids.
    """

    payment_id: str
    steps: tuple[int, ...] = ()
    operation_ids: tuple[str, ...] = ()
