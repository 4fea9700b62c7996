"""A payment and its operations as the orchestrator keeps them. Pure data."""

from dataclasses import dataclass, field
from datetime import datetime

from malipo.contracts.commands import DEFAULT_ACCOUNT, CaptureMode, LatePayments, Mode, PaymentMethod
from malipo.contracts.events import Failure, OperationKind
from malipo.contracts.outcomes import Action
from malipo.money import Money
from orchestrator.machine import DECIDED, State, Subject

KINDS: dict[Subject, OperationKind] = {
    Subject.CAPTURE: "capture",
    Subject.CANCEL: "cancel",
    Subject.REFUND: "refund",
}
"""What the contracts call the operations of a payment."""


@dataclass(slots=True, kw_only=True)
class Operation:
    """A capture, cancel or refund of a payment. `queries` counts queries about it, and tries to withdraw the charge."""

    id: str
    payment_id: str
    subject: Subject
    amount_minor: int
    created_at: datetime
    state: State = State.INITIATED
    reason: str | None = None
    reference: str | None = None
    failure: Failure | None = None
    queries: int = 0
    dispatched_at: datetime | None = None
    in_doubt_since: datetime | None = None
    updated_at: datetime

    @property
    def live(self) -> bool:
        """Whether its end is still awaited."""
        return self.state not in DECIDED


@dataclass(slots=True, kw_only=True)
class Payment:
    """One payment. `step` numbers its transitions and `event_sequence` its public events, both without gaps.

    After `expires_at` nothing that takes the customer's money is sent any more. `traceparent` is the trace of the request
    that created it: deadlines, which no message causes, continue that trace. `attempt` counts the charges that were
    tried, each under an id of its own: what is reported of an older one changes nothing.
    """

    id: str
    merchant_id: str
    mode: Mode
    amount: Money
    method: PaymentMethod
    capture: CaptureMode
    config_version: int
    expires_at: datetime
    created_at: datetime
    updated_at: datetime
    provider: str | None = None
    account: str = DEFAULT_ACCOUNT
    late_payments: LatePayments = "keep"
    customer_ref: str | None = None
    client_ref: str | None = None
    description: str | None = None
    metadata: dict[str, str] = field(default_factory=dict[str, str])
    return_url: str | None = None
    traceparent: str | None = None
    state: State = State.INITIATED
    captured_minor: int = 0
    reference: str | None = None
    action: Action | None = None
    failure: Failure | None = None
    step: int = 0
    event_sequence: int = 0
    attempt: int = 1
    queries: int = 0
    in_doubt_since: datetime | None = None
    operations: dict[str, Operation] = field(default_factory=dict[str, Operation])

    timers: dict[str, datetime | None] = field(default_factory=dict[str, datetime | None])
    """Deadlines that changed in this fold, by the id of the payment or operation; None takes one away."""

    def live(self, *subjects: Subject) -> list[Operation]:
        """The operations of these kinds that are under way."""
        return [o for o in self.operations.values() if o.subject in subjects and o.live]

    @property
    def cancelable(self) -> bool:
        """Whether the provider can be told to cancel the charge: it exists there, under a reference that we know."""
        return self.state in (State.REQUIRES_ACTION, State.AUTHORIZED) and self.reference is not None

    @property
    def refunded_minor(self) -> int:
        """What has been refunded."""
        return self._refunds(State.COMPLETED)

    @property
    def refundable_minor(self) -> int:
        """What may still be refunded: refunds under way and in doubt are reserved, failed ones are not."""
        return self.captured_minor - self._refunds(*(set(State) - {State.FAILED}))

    def _refunds(self, *states: State) -> int:
        return sum(
            o.amount_minor for o in self.operations.values() if o.subject is Subject.REFUND and o.state in states
        )
