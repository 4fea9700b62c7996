"""What a provider reported, defined by what has to be done next, and what it did without being asked."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from malipo.contracts.commands import Mode, SavedReference
from malipo.contracts.message import Message, Moment
from malipo.contracts.provider_commands import ProviderOperationKind
from malipo.contracts.retry import RetryAdvice
from malipo.money import Money


class Redirect(msgspec.Struct, frozen=True, tag="redirect", tag_field="type"):
    """The customer must be sent to `url`, by `expires_at` if the provider has said so."""

    url: str
    expires_at: Moment | None = None


class Approval(msgspec.Struct, frozen=True, tag="approval", tag_field="type"):
    """The customer must be sent to `url` and agree there; only then is the charge carried out."""

    url: str
    expires_at: Moment | None = None


class PhonePrompt(msgspec.Struct, frozen=True, tag="phone_prompt", tag_field="type"):
    """The customer must answer a prompt on the phone with this number, which is masked."""

    phone: str
    expires_at: Moment | None = None


class OtherAction(msgspec.Struct, frozen=True, tag="other", tag_field="type"):
    """The customer must act in a way that Malipo cannot show; `name` is what the provider calls it."""

    name: str


Action = Redirect | Approval | PhonePrompt | OtherAction
"""What the customer must do."""


class _Outcome(msgspec.Struct, frozen=True, kw_only=True, tag=True, tag_field="result", omit_defaults=True):
    """`reference` is the provider's own id of the object, as soon as one is known."""

    reference: str | None = None


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """A method that was kept at the provider for later charges: under what names there, and what everybody may see of it.

    `fingerprint` is the same for the same card of one merchant in one mode, and identifies nothing anywhere else. Told again
    later it is how the method stands then; `attached` no more, once it was detached.
    """

    method: SavedReference
    brand: str
    last_four: str
    exp_month: int
    exp_year: int
    fingerprint: str | None = None
    attached: bool = True


class _Keeping(_Outcome, frozen=True, kw_only=True):
    """`saved` is the method, once the provider has kept it, of a charge or a setup that asked for that."""

    saved: Saved | None = None


class _Paid(_Keeping, frozen=True, kw_only=True):
    """`payer` is who pays, as everybody may see it: masked by the provider's service, and kept nowhere in clear."""

    payer: str | None = None


class Succeeded(_Paid, frozen=True, kw_only=True):
    """The provider has moved `amount`: the end of the operation. Of a charge, all that was captured, and nothing is held any more."""

    amount: Money


class Authorized(_Paid, frozen=True, kw_only=True):
    """The provider holds `amount` for us: capture or cancel it. How much of it is captured already, the captures say."""

    amount: Money


class Kept(_Keeping, frozen=True, kw_only=True):
    """The provider keeps `saved`, the method of a setup, for later charges; no money moved: the end of the operation."""


class Declined(_Outcome, frozen=True, kw_only=True):
    """The provider has decided against it, no money moved: the end of the operation. `retry` is of charges, where the provider tells."""

    code: str
    message: str = ""
    retry: RetryAdvice | None = None


class Canceled(_Keeping, frozen=True, kw_only=True):
    """The charge was canceled, no money moved: the end of the operation."""


class Pending(_Outcome, frozen=True, kw_only=True):
    """The provider has it and works on it: no doubt, but a wait. `check_after` seconds is when it is worth asking.

    `reason` is the provider's own code of what it waits for. With `begun=False` it has only taken it, and has not begun to work
    on it; `execution_at` is when a transfer goes, as the provider says.
    """

    check_after: int | None = None
    reason: str | None = None
    begun: bool = True
    execution_at: Moment | None = None


class Approved(_Paid, frozen=True, kw_only=True):
    """The customer has agreed, and no money has moved: confirm the charge."""


DisputeStatus = Literal[
    "warning_needs_response",
    "warning_under_review",
    "warning_closed",
    "needs_response",
    "under_review",
    "prevented",
    "won",
    "lost",
]
"""How a dispute stands. `warning_...` are of an inquiry: nothing is taken yet, and once `closed` nothing will be. The merchant can
answer what `needs_response`; what is `prevented` was settled before it became one.
"""


class Disputed(_Outcome, frozen=True, kw_only=True):
    """The customer wants `amount` back by way of the bank: in a currency of the dispute's own, and perhaps more than was paid.

    `reason` is the provider's own word. The merchant can answer at the provider until `respond_by`. `withdrawn`: the money is
    taken from the merchant's account there.
    """

    amount: Money
    status: DisputeStatus
    reason: str | None = None
    respond_by: Moment | None = None
    withdrawn: bool = False


class Reversed(_Outcome, frozen=True, kw_only=True):
    """What had succeeded was undone later, and the money went back: a bank's return, a refund that came back."""

    code: str
    message: str = ""


class Detached(_Outcome, frozen=True, kw_only=True):
    """The provider keeps the saved method no more: the end of the operation. `reference` is left out: it is nobody's business."""


class ActionRequired(_Outcome, frozen=True, kw_only=True):
    """The customer must act: show `action`, wait, with a deadline."""

    action: Action


class Unknown(_Outcome, frozen=True, kw_only=True):
    """Sent, and no answer that we understand: query the provider, never send anew.

    `silent` when the provider did not answer, or with a 5xx: a sign that it is down. Otherwise it answered, and the
    doubt is about this operation alone. `check_after` seconds the answer may be another one: it is asked by then, if not before.
    """

    reason: str
    silent: bool = False
    check_after: int | None = None


AMOUNT_MISMATCH = "amount_mismatch"
"""The reason of an `Unknown` when the provider reports another amount or currency than the operation's."""
PAYER_MISMATCH = "payer_mismatch"
"""The reason of an `Unknown` when the provider reports that another has paid than was asked."""
MISFITS = frozenset({AMOUNT_MISMATCH, PAYER_MISMATCH})
"""Reasons of an `Unknown` about what has ended at the provider: nothing more is to be waited for."""

Outcome = (
    Succeeded
    | Authorized
    | Kept
    | Declined
    | Canceled
    | Pending
    | Approved
    | Reversed
    | ActionRequired
    | Disputed
    | Detached
    | Unknown
)

RESULTS: dict[type[Outcome], str] = {
    Succeeded: "succeeded",
    Authorized: "authorized",
    Kept: "saved",
    Declined: "declined",
    Canceled: "canceled",
    Pending: "pending",
    Approved: "approved",
    Reversed: "reversed",
    ActionRequired: "action_required",
    Disputed: "disputed",
    Detached: "detached",
    Unknown: "unknown",
}
"""What outcomes are called wherever people read of them: timelines, metrics, traces, logs."""


EXCHANGE_ERRORS: Mapping[str, str] = {
    "no_connection": "no connection was made, so nothing was sent",
    "connection_broken": "the connection broke before the answer was whole",
    "timeout": "no answer came in time",
    "given_up": "we stopped waiting for the answer",
    "answer_never_recorded": "it was perhaps sent, and the process died before it had recorded an answer",
    "other": "something else; the service's log says more",
}
"""Why there is no answer, by an exchange's `error`."""


class Exchange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One HTTP request to a provider, and how it went: without query string, headers and bodies, which hold secrets.

    `duration_ms` is the time until the answer began. Without a `status` no answer came, and `error` says why, as
    `EXCHANGE_ERRORS` has it; of a try whose process died only the time is known. `request_id` is the provider's own name of
    the request.
    """

    at: Moment
    method: str | None = None
    path: str | None = None
    status: int | None = None
    duration_ms: int | None = None
    request_id: str | None = None
    error: str | None = None


Unasked = Literal["callback", "reconciliation"]
"""How a provider reports what it was not asked: by callback, or in a list of transactions that is fetched, as a statement."""


class OutcomeReported(Message, frozen=True, kw_only=True):
    """One outcome of one operation as a provider reported it: to the attempt, to a query, by callback or in a statement.

    `step` is the payment's step that sent what this is the outcome of: with `query` the query, else the operation
    itself. `exchanges` were made to learn it; `tries` counts how often the attempt was tried; `callback_id` is the
    provider's, of what was fetched `fetched/` and its id there. `also_answers` is the step of the last query of the operation that was not carried out because this was
    still open: it is answered by this, too.
    """

    payment_id: str
    operation_id: str
    kind: ProviderOperationKind
    provider: str
    outcome: Outcome
    source: Literal["attempt", "query", Unasked]
    step: int
    observed_at: Moment
    exchanges: tuple[Exchange, ...] = ()
    tries: int = 1
    callback_id: str | None = None
    also_answers: int = 0


class AttemptPostponed(Message, frozen=True, kw_only=True):
    """An attempt that could not be sent now and will be at `retry_at`: an obstacle to report, no outcome.

    Reported when the obstacle is another than at the try before, and at every doubling of `tries`; `exchanges` are of
    this try alone.
    """

    payment_id: str
    operation_id: str
    kind: ProviderOperationKind
    provider: str
    step: int
    code: str
    detail: str
    tries: int
    retry_at: Moment
    observed_at: Moment
    exchanges: tuple[Exchange, ...] = ()


OpenedKind = Literal["refund", "dispute", "fraud_warning"]
"""What others open at a provider. A `fraud_warning`, by which a card's issuer says that it suspects fraud, is all there is of it."""


class OperationOpened(Message, frozen=True, kw_only=True):
    """An operation that was opened at the provider itself, on a payment of ours: a refund made in its dashboard, a dispute, a
    warning of fraud.

    `reference` is the provider's id of it, by which it is one operation however often it is reported. `opened_at` is the
    provider's time. `outcome` is how it stands, or has stood: what is reported may be older than what is known. A warning has
    neither amount nor outcome.
    """

    payment_id: str
    kind: OpenedKind
    provider: str
    reference: str
    amount: Money | None = None
    outcome: Outcome | None = None
    opened_at: Moment
    observed_at: Moment
    reason: str | None = None
    callback_id: str | None = None
    source: Unasked = "callback"


class PaymentReceived(Message, frozen=True, kw_only=True):
    """Money that a customer paid to a merchant's account without a payment of ours, and said what for.

    `payment_id` is derived from the provider's `reference`, so that it is one payment however often it is reported.
    `account_reference` is what the customer gave as the purpose; it becomes the payment's `client_ref`.
    """

    payment_id: str
    merchant_id: str
    mode: Mode
    provider: str
    account: str
    method: str
    reference: str
    amount: Money
    account_reference: str
    received_at: Moment
    observed_at: Moment
    source: Unasked = "callback"


class UnmatchedReported(Message, frozen=True, kw_only=True):
    """Money at a merchant's account that nothing explains: it is kept in suspense until a person settles it.

    `id` is derived from the provider's `reference`. `description` is the provider's text, without anything personal.
    `points_at` is the payment that the money's purpose names, though it does not explain the money.
    """

    id: str
    merchant_id: str
    mode: Mode
    provider: str
    account: str
    reference: str
    amount: Money
    description: str
    received_at: Moment
    observed_at: Moment
    points_at: str | None = None


class PersonalKeyDestroyed(Message, frozen=True, kw_only=True):
    """The provider's service has no key to the payment's personal data any more, and will not keep one."""

    payment_id: str
    provider: str


ProviderReport = (
    OutcomeReported | AttemptPostponed | OperationOpened | PaymentReceived | UnmatchedReported | PersonalKeyDestroyed
)
