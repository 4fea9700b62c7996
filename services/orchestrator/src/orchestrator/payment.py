"""A payment and its operations as the orchestrator keeps them. Pure data."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from malipo import ids
from malipo.contracts.commands import DEFAULT_ACCOUNT, CaptureMode, LatePayments, Mode, PaymentMethod
from malipo.contracts.events import Failure, OpenedBy, OperationKind
from malipo.contracts.identity import PREFIXES, charge_id, confirm_id
from malipo.contracts.outcomes import Action, Disputed
from malipo.contracts.providers import initiates
from malipo.money import Money
from orchestrator.machine import DECIDED
from orchestrator.saved import SavedMethod
from orchestrator.states import State, Subject

KINDS: dict[Subject, OperationKind] = {
    Subject.CAPTURE: "capture",
    Subject.CANCEL: "cancel",
    Subject.REFUND: "refund",
    Subject.RETURN_REQUEST: "return_request",
    Subject.DISPUTE: "dispute",
    Subject.FRAUD_WARNING: "fraud_warning",
    Subject.DETACH: "detach",
}
"""What the contracts call the operations of a payment."""


_MOST_REFERENCES = 20


@dataclass(slots=True, kw_only=True)
class Operation:
    """A capture, cancel, refund, return request, dispute or detach of a payment. `queries` counts queries about it, and tries to withdraw it or the charge.

    `opened_by` is who began it. `pending_seconds` is how long after it was pending at the provider it is first asked about.
    `unanswered`: the provider's service has not answered yet what was last sent to it about this, which may still go out:
    the command, or else the query of the step `asked_step`. `came_back`: its money went back to the merchant after it had been
    given, as the provider has reported. `unclear`: it is in doubt by the provider's last word, so that nothing is waited for but
    a clear one. `final`, of a capture: what it leaves is released, and no further one is possible. `dispute` is how a dispute stands.
    """

    id: str
    payment_id: str
    subject: Subject
    amount_minor: int
    created_at: datetime
    opened_by: OpenedBy = "merchant"
    state: State = State.INITIATED
    reason: str | None = None
    reference: str | None = None
    failure: Failure | None = None
    queries: int = 0
    unanswered: bool = False
    asked_step: int = 0
    pending_seconds: float | None = None
    dispatched_at: datetime | None = None
    in_doubt_since: datetime | None = None
    came_back: bool = False
    unclear: bool = False
    final: bool = True
    dispute: Disputed | None = None
    updated_at: datetime

    @property
    def live(self) -> bool:
        """Whether its end is still awaited."""
        return self.state not in DECIDED

    @property
    def takes_money(self) -> bool:
        """Whether it is a dispute that has taken the money: for good, or until it ends."""
        withdrawn = self.dispute is not None and self.dispute.withdrawn
        return self.state is State.LOST or (self.live and withdrawn)


@dataclass(slots=True, kw_only=True)
class Payment:
    """One payment. `step` numbers its transitions and `event_sequence` its public events, both without gaps. Or, by its `subject`,
    a method that is saved without one: what is done about it, and counted, is as of a payment, but no money moves.

    After `expires_at` nothing that takes the customer's money is sent any more. `traceparent` is the trace of the request
    that created it: deadlines, which no message causes, continue that trace. `attempt` counts the charges that were
    tried, each under an id of its own: what is reported of an older one changes nothing. `confirms` counts how
    often the customer's approval was followed by a confirm of the present one; while `confirming`, that is what is awaited.
    `had_money`: it was completed before, whatever has become of that. `known_references` are what the provider has
    called it, the latest last; `paid_reference` is what it has called the money, and `assigned_reference` what it calls the
    money that a person has found to be this payment's.
    `payer` is who pays, masked. `action_at` is when it was observed last that the customer must act, by our clock if theirs is ahead; `unanswered`,
    `asked_step` and `unclear` are as in `Operation`. `begun`: the provider works on it, or has; of most methods from the first.
    `save_method`: its method is to be kept for later payments, and `saved` is that once the provider has kept it.
    `pending_reason` is what it waits for, and `execution_at` when a transfer goes, as the provider has said last.
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
    cancel_url: str | None = None
    remittance: str | None = None
    statement_descriptor: str | None = None
    traceparent: str | None = None
    state: State = State.INITIATED
    captured_minor: int = 0
    had_money: bool = False
    reference: str | None = None
    known_references: list[str] = field(default_factory=list[str])
    paid_reference: str | None = None
    assigned_reference: str | None = None
    action: Action | None = None
    action_at: datetime | None = None
    payer: str | None = None
    failure: Failure | None = None
    step: int = 0
    event_sequence: int = 0
    attempt: int = 1
    confirms: int = 0
    confirming: bool = False
    queries: int = 0
    unanswered: bool = False
    asked_step: int = 0
    pending_seconds: float | None = None
    in_doubt_since: datetime | None = None
    unclear: bool = False
    begun: bool = True
    pending_reason: str | None = None
    execution_at: datetime | None = None
    save_method: bool = False
    subject: Subject = Subject.PAYMENT
    saved: SavedMethod | None = None
    operations: dict[str, Operation] = field(default_factory=dict[str, Operation])

    timers: dict[str, datetime | None] = field(default_factory=dict[str, datetime | None])
    """Deadlines that changed in this fold, by the id of the payment or operation; None takes one away."""

    answered: set[str] = field(default_factory=set[str])
    """What the provider's service has answered in this fold, by the id of the payment or operation: perhaps without a step."""

    def begin_confirm(self) -> None:
        """Have the next confirm of the charge be what is awaited."""
        self.confirms += 1
        self.confirming = True

    def own_id(self, subject: Subject, opened_by: OpenedBy = "malipo") -> str:
        """The id of what no merchant has requested, the next of its kind: the same whenever the same is decided anew, as after a
        restore, so that its outcome and the provider's book are about it. It is as old as the payment's.
        """
        number = sum(one.subject is subject and one.opened_by == opened_by for one in self.operations.values())
        return ids.derived(PREFIXES[KINDS[subject]], self.created_at, f"{self.charge_id}/{opened_by}/{number}")

    def live(self, *subjects: Subject) -> list[Operation]:
        """The operations of these kinds that are under way."""
        return [o for o in self.operations.values() if o.subject in subjects and o.live]

    def waiting(self, *subjects: Subject) -> list[Operation]:
        """Those of them that are deferred."""
        return [one for one in self.live(*subjects) if one.state is State.WAITING]

    @property
    def possible(self) -> tuple[Subject, ...]:
        """What can be carried out that was deferred, as the charge stands."""
        if self.state is State.COMPLETED and self.reference is not None:
            return (Subject.REFUND,)
        return (Subject.CANCEL,) if self.cancelable else ()

    @property
    def detach(self) -> Operation | None:
        """What detaches, or has detached, the method that it has saved: the last one, as there is one at a time. From its begin on
        nothing is paid with that method any more.
        """
        detaches = [one for one in self.operations.values() if one.subject is Subject.DETACH]
        return max(detaches, key=lambda one: (one.live, one.created_at, one.id), default=None)

    @property
    def cancel_failed_last(self) -> bool:
        """Whether the last that happened is that a cancel of Malipo's own has failed."""
        own = [one for one in self.operations.values() if one.subject is Subject.CANCEL and one.opened_by == "malipo"]
        return any(one.state is State.FAILED and one.updated_at == self.updated_at for one in own)

    def opened_like(self, opened: Operation) -> Operation | None:
        """What was opened at the provider as it is known already, whoever began it; a refund of ours before the provider's."""
        if opened.subject is not Subject.REFUND:
            return self.operations.get(opened.id)
        same = [one for one in self._all_refunds() if one.id == opened.id or one.reference == opened.reference]
        return min(same, key=lambda one: one.opened_by == "provider", default=None)

    def taken_for_others(self, refund: Operation) -> list[Operation]:
        """What counts as made at the provider itself, and is this refund of ours, as its reference shows now."""
        if refund.subject is not Subject.REFUND or refund.opened_by == "provider" or refund.reference is None:
            return []
        same = [one for one in self._all_refunds() if one.reference == refund.reference and one is not refund]
        return [one for one in same if one.opened_by == "provider" and one.state is not State.FAILED]

    @property
    def charge_id(self) -> str:
        """The operation id of the charge, in the attempt that the payment is at."""
        return charge_id(self.id, self.attempt)

    @property
    def awaited_id(self) -> str:
        """The operation whose outcome decides the charge: its last confirm while that is under way, else itself."""
        return confirm_id(self.charge_id, self.confirms) if self.confirming else self.charge_id

    def know(self, reference: str, *, paid: bool) -> None:
        """Keep what the provider calls it: of many names the latest, and that of its money."""
        self.paid_reference = reference if paid else self.paid_reference
        if reference not in self.known_references:
            self.known_references.append(reference)
        others = [one for one in self.known_references if one != self.paid_reference]
        if len(self.known_references) > _MOST_REFERENCES:
            self.known_references.remove(others[0])

    def forget_assigned(self) -> None:
        """Forget the money that a person has assigned to it, and what the provider calls that."""
        assigned, self.assigned_reference = self.assigned_reference, None
        if assigned is None:
            return
        self.known_references = [one for one in self.known_references if one != assigned]
        if self.reference == assigned:
            self.reference = self.known_references[-1] if self.known_references else None
        if self.paid_reference == assigned:
            self.paid_reference = None

    @property
    def is_reported_paid(self) -> bool:
        """Whether the provider has reported money of the charge itself, and what it calls that."""
        return self.paid_reference is not None and self.assigned_reference is None

    def is_known_money(self, reference: str | None) -> bool:
        """Whether money under this reference of the provider's is what the payment has, or had, already."""
        if self.assigned_reference is not None:
            return reference == self.assigned_reference
        return reference is None or reference in self.known_references

    @property
    def cancelable(self) -> bool:
        """Whether the provider can be told to cancel the charge: it exists there, under a reference that we know.

        What is pending can be told so where it may not have begun; whether it is too late, the provider knows.
        """
        waits = {State.REQUIRES_ACTION, State.AUTHORIZED, *((State.PENDING,) if initiates(self.method.type) else ())}
        return self.state in waits and self.reference is not None

    @property
    def capturable_minor(self) -> int:
        """What may still be captured, of a charge that is authorized."""
        return max(self.amount.amount_minor - self.captured_minor, 0)

    def captured_with(self, capture: Operation) -> int:
        """What its captures make up if this one is among those that were carried out."""
        return sum(one.amount_minor for one in self._captures() if one is capture or one.state is State.COMPLETED)

    @property
    def is_captured_in_parts(self) -> bool:
        """Whether a part of it was captured, and the capture that was to be the last was not."""
        done = [one for one in self._captures() if one.state is State.COMPLETED]
        return self.captured_minor > 0 and bool(done) and not any(one.final for one in done)

    @property
    def refunded_minor(self) -> int:
        """What has been refunded."""
        return self._refunds(State.COMPLETED)

    @property
    def refundable_minor(self) -> int:
        """What may still be refunded: refunds under way and in doubt are reserved, failed ones are not; lost disputes are gone.

        Nothing where more was refunded at the provider itself, or lost, than was captured.
        """
        return self._left(self.lost_minor)

    @property
    def lost_minor(self) -> int:
        """What lost disputes have taken of what was captured."""
        return self._disputed(lambda one: one.state is State.LOST)

    @property
    def undisputed_minor(self) -> int:
        """What may still be refunded of what no dispute has taken, or holds until it ends."""
        return self._left(self.disputed_minor)

    def _left(self, disputed_minor: int) -> int:
        return max(self.captured_minor - self._refunds(*(set(State) - {State.FAILED})) - disputed_minor, 0)

    @property
    def disputed_minor(self) -> int:
        """What disputes have taken of what was captured, or hold until they end."""
        return self._disputed(lambda one: one.takes_money)

    def _disputed(self, counts: Callable[[Operation], bool]) -> int:
        """At most all that was captured: a bank may take more, by its rate, and one in another currency counts as all of it."""
        found = [one.dispute.amount for one in self.operations.values() if one.dispute and counts(one)]
        same = [one.currency == self.amount.currency for one in found]
        return min(sum(one.amount_minor for one in found) if all(same) else self.captured_minor, self.captured_minor)

    def _refunds(self, *states: State) -> int:
        return sum(one.amount_minor for one in self._all_refunds() if one.state in states)

    def _captures(self) -> list[Operation]:
        return [one for one in self.operations.values() if one.subject is Subject.CAPTURE]

    def _all_refunds(self) -> list[Operation]:
        return [one for one in self.operations.values() if one.subject is Subject.REFUND]
