"""What the orchestrator commands a provider service, keyed by payment id.

`operation_id` names the one effect that the command may have: every retry of it anywhere carries the same id, and the
provider's idempotency key derives from it.
"""

from typing import Literal

import msgspec

from malipo.contracts.commands import DEFAULT_ACCOUNT, CaptureMode, Mode, PaymentMethod
from malipo.contracts.message import Message, Moment
from malipo.money import Money

ProviderOperationKind = Literal[
    "charge", "setup", "confirm", "capture", "cancel", "refund", "return_request", "dispute", "detach"
]
"""What is done about a payment at a provider. A `dispute` is never commanded, only asked about."""


class BaseCommand(Message, frozen=True, kw_only=True):
    """What all commands to a provider carry.

    `step` is the payment's step that sent the command: its outcome names that step as its cause. `account` is the label
    of the merchant's account that it is carried out in.
    """

    payment_id: str
    operation_id: str
    merchant_id: str
    mode: Mode
    config_version: int
    step: int
    account: str = DEFAULT_ACCOUNT
    client_ref: str | None = None


class Charge(BaseCommand, frozen=True, kw_only=True):
    """Take `amount` from the customer, or reserve it when `capture` is manual; never send it after `expires_at`.

    By a method with a recipient it goes to that, with `remittance` as the text that the recipient reads. The customer's
    statement is to show `statement_descriptor`.
    The moment is read by the clock of the provider service's database, before every send, replays included.
    With `save_method` the method is to be kept for later charges of the customer, whom the merchant calls `customer_ref`.
    """

    amount: Money
    method: PaymentMethod
    capture: CaptureMode
    description: str | None = None
    return_url: str | None = None
    cancel_url: str | None = None
    expires_at: Moment | None = None
    remittance: str | None = None
    statement_descriptor: str | None = None
    save_method: bool = False
    customer_ref: str | None = None


class Setup(BaseCommand, frozen=True, kw_only=True):
    """Keep `method` for later charges of the customer, whom the merchant calls `customer_ref`; no money moves. Never send it
    after `expires_at`.

    `Kept`: the provider has it for good.
    """

    method: PaymentMethod
    customer_ref: str
    return_url: str | None = None
    expires_at: Moment | None = None


class Confirm(BaseCommand, frozen=True, kw_only=True):
    """Carry out the charge `reference`, to which the customer has agreed by now; never send it after `expires_at`.

    It takes `amount`, or reserves it when `capture` is manual.
    """

    reference: str
    amount: Money
    capture: CaptureMode
    expires_at: Moment | None = None


class Capture(BaseCommand, frozen=True, kw_only=True):
    """Capture `amount` of what the charge `reference` reserved, and release the rest if it is `final`.

    One that is not is sent only where the descriptor's captures are `several`. Its outcome is of this capture's own amount,
    and its `reference` the charge's. `statement_descriptor` is the charge's, for providers that show what came with the capture.
    """

    reference: str
    amount: Money
    final: bool = True
    statement_descriptor: str | None = None


class Cancel(BaseCommand, frozen=True, kw_only=True):
    """Cancel the charge `reference`, or what is still held of it once a part is captured.

    The outcome is the charge's state after it, whatever that is. `Canceled` says that nothing more is captured. With `of` a
    setup is canceled, which keeps nothing then.
    """

    reference: str
    of: Literal["charge", "setup"] = "charge"


class Refund(BaseCommand, frozen=True, kw_only=True):
    """Refund `amount` of the charge `reference`."""

    reference: str
    amount: Money
    reason: str | None = None


class ReturnRequest(BaseCommand, frozen=True, kw_only=True):
    """Ask the recipient's bank to give back `amount`, all of the charge `reference`.

    `Succeeded`: the money is back, whichever way it came. The charge itself is `Reversed` by a report of its own. `Declined`: the
    other bank refused, or cannot be asked.
    """

    reference: str
    amount: Money
    reason: str | None = None


class Detach(BaseCommand, frozen=True, kw_only=True):
    """Have the provider keep the saved method `reference` no more, so that nobody can charge it there again. It moves no money.

    `Detached`: it is no customer's any more, whoever has detached it.
    """

    reference: str


class OpenedOperation(msgspec.Struct, frozen=True):
    """What no command has said of a refund or dispute that was begun at the provider itself: its amount, and `charge`, the
    provider's id of what it is about, if that is known.
    """

    amount: Money
    charge: str | None = None


class Query(BaseCommand, frozen=True, kw_only=True):
    """Query the provider for what became of `operation_id`; never moves money that was not commanded before.

    `opened` is of an operation that was begun at the provider: it is known there by `reference`, and was never commanded.
    With `only_read` the provider's book is read whatever became of the operation here, and nothing is sent: the payment has
    ended.
    """

    kind: ProviderOperationKind
    reference: str | None = None
    opened: OpenedOperation | None = None
    only_read: bool = False


class Withdraw(BaseCommand, frozen=True, kw_only=True):
    """Withdraw the charge, setup, confirm or refund `operation_id` if it was never sent; it is `Canceled` then. Else this has no effect and
    no outcome.

    It waits behind nothing: what is postponed, say while a provider is away, can be withdrawn all that time. What is being
    sent at the moment is withdrawn if nothing of it reaches the provider.
    """

    kind: Literal["charge", "confirm", "refund", "setup"] = "charge"


ProviderCommand = Charge | Setup | Confirm | Capture | Cancel | Refund | ReturnRequest | Detach | Query
"""What is an attempt of its own."""
ProviderMessage = ProviderCommand | Withdraw
