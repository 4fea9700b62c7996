"""Folds one trigger after the other into a payment by the state table. Pure: returns the messages to send."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

from malipo import ids
from malipo.contracts.events import Cause, EventType, Failure, PaymentTransitioned, PublicEvent, Sent, Source
from malipo.contracts.failures import failure_of
from malipo.contracts.message import Message
from malipo.contracts.outcomes import (
    RESULTS,
    ActionRequired,
    Approved,
    Authorized,
    Canceled,
    Declined,
    Outcome,
    OutcomeReported,
    Pending,
    Reversed,
    Succeeded,
    Unknown,
)
from malipo.money import Money
from orchestrator import commands
from orchestrator.machine import (
    DECIDED,
    TABLE,
    Ignored,
    Send,
    State,
    Subject,
    Transition,
    Trigger,
    deadline_seconds,
    repeats_command,
    why_ignored,
)
from orchestrator.payment import Operation, Payment
from orchestrator.views import operation_view, payment_view


class UnknownOperation(LookupError):
    """An outcome of an operation that this payment does not have."""


@dataclass(slots=True)
class Fold:
    """What one message does to one payment: the messages to send, and why outcomes were ignored.

    `now` is PostgreSQL's, read with the payment: deadlines are set and passed by that clock alone. `observed_at` is when
    a provider's outcome was received; `doubts_ended` holds what was in doubt, and for how long.
    """

    payment: Payment
    now: datetime
    source: Source
    message_id: str
    observed_at: datetime | None = None
    messages: list[Message] = field(default_factory=list[Message])
    ignored: list[Ignored] = field(default_factory=list[Ignored])
    doubts_ended: list[tuple[Subject, timedelta]] = field(default_factory=list[tuple[Subject, timedelta]])

    def dispatch(self) -> None:
        """Send the charge of a new payment."""
        self._payment_step(Trigger.DISPATCHED, None)

    def refuse_route(self, code: str, message: str) -> None:
        """End a new payment that no provider supports."""
        self.payment.failure = Failure(code, message)
        self._payment_step(Trigger.UNROUTABLE, None)

    def expire(self) -> None:
        """End a new payment that arrived after its intent had expired: nothing is sent for it."""
        self._payment_step(Trigger.EXPIRED, None)

    def start(self, operation: Operation) -> None:
        """Send a new capture, cancel or refund."""
        self.payment.operations[operation.id] = operation
        self._operation_step(operation, Trigger.DISPATCHED, None)

    def defer(self, operation: Operation) -> None:
        """Keep a cancel that cannot be sent yet: a charge that was never sent is stopped, else the cancel waits for an outcome."""
        self.payment.operations[operation.id] = operation
        self._operation_step(operation, Trigger.DEFERRED, None)

    def apply_outcome(self, report: OutcomeReported) -> None:
        """Apply what the provider reports. Raises `UnknownOperation`."""
        if report.kind == "charge":
            outcome = believable(report.outcome, self.payment.amount, exact=False)
            return self._payment_step(trigger_of(outcome), outcome)
        operation = self.payment.operations.get(report.operation_id)
        if operation is None:
            raise UnknownOperation(report.operation_id)
        requested = Money(operation.amount_minor, self.payment.amount.currency)
        outcome = believable(report.outcome, requested, exact=operation.subject is not Subject.CANCEL)
        self._operation_step(operation, trigger_of(outcome), outcome)
        if operation.subject is not Subject.REFUND and isinstance(outcome, Succeeded | Authorized | Canceled):
            # The answer to a capture or cancel is the state of the charge after it.
            self._payment_step(trigger_of(outcome), outcome)
        return None

    def overdue(self, subject_id: str) -> None:
        """Fire a deadline that has passed. One that no longer matters is dropped."""
        self.payment.timers[subject_id] = None
        if subject_id == self.payment.id:
            self._payment_step(self._overdue_or_expired(), None)
        elif operation := self.payment.operations.get(subject_id):
            self._operation_step(operation, Trigger.OVERDUE, None)

    def _overdue_or_expired(self) -> Trigger:
        if self.payment.state is not State.REQUIRES_ACTION:
            return Trigger.OVERDUE
        return Trigger.EXPIRED if self.now >= self.payment.expires_at else Trigger.OVERDUE

    def _payment_step(self, trigger: Trigger, outcome: Outcome | None) -> None:
        payment = self.payment
        transition = TABLE.get((Subject.PAYMENT, payment.state, trigger))
        if transition is None:
            return self._after_the_end(Subject.PAYMENT, payment.state, trigger, outcome, None)
        before = payment.state
        _learn_payment(payment, outcome)
        payment.state = transition.to
        payment.failure = payment.failure or _own_failure(transition)
        self._watch_doubt(payment, transition)
        self._set_timer(payment, transition)
        self._record(before, transition.to, trigger, outcome, transition=transition)
        self._add_command(transition, None)
        if transition.to in DECIDED:
            self._close_operations(trigger, outcome)
        elif payment.cancelable:
            self._start_deferred()
        return None

    def _operation_step(self, operation: Operation, trigger: Trigger, outcome: Outcome | None) -> None:
        transition = TABLE.get((operation.subject, operation.state, trigger))
        if transition is None:
            return self._after_the_end(operation.subject, operation.state, trigger, outcome, operation)
        before = operation.state
        _learn_operation(operation, outcome)
        operation.state = transition.to
        operation.failure = operation.failure or _own_failure(transition)
        self._watch_doubt(operation, transition)
        operation.updated_at = self.now
        if trigger is Trigger.DISPATCHED:
            operation.dispatched_at = self.now
        self._set_timer(operation, transition)
        self._record(before, transition.to, trigger, outcome, transition=transition, operation=operation)
        self._add_command(transition, operation)
        return None

    def _close_operations(self, trigger: Trigger, outcome: Outcome | None) -> None:
        """The charge has ended: end the captures and cancels that were to change it."""
        for operation in self.payment.live(Subject.CAPTURE, Subject.CANCEL):
            if operation.subject is Subject.CAPTURE and operation.amount_minor != self.payment.captured_minor:
                otherwise = Declined(code="captured_otherwise", message="Another amount was captured.")
                self._operation_step(operation, Trigger.DECLINED, otherwise)
            elif operation.subject is Subject.CANCEL and trigger is Trigger.DECLINED:
                self._operation_step(operation, trigger, Declined(code="payment_failed"))
            else:
                self._operation_step(operation, trigger, outcome)

    def _start_deferred(self) -> None:
        """The charge exists, and can be canceled now: start the cancel that was deferred."""
        for operation in self.payment.live(Subject.CANCEL):
            if operation.state is State.WAITING:
                self._operation_step(operation, Trigger.DISPATCHED, None)

    def _after_the_end(
        self, subject: Subject, state: State, trigger: Trigger, outcome: Outcome | None, operation: Operation | None
    ) -> None:
        reason = why_ignored(subject, state, trigger)
        if operation is None and isinstance(outcome, Succeeded) and reason is Ignored.REPEAT:
            same = outcome.amount.amount_minor == self.payment.captured_minor
            reason = Ignored.REPEAT if same else Ignored.CONTRADICTION
        if operation is not None and _came_back(operation, outcome):
            reason = Ignored.LATE
        self.ignored.append(reason)
        if reason is Ignored.CONTRADICTION:
            self._record(state, state, trigger, outcome, operation=operation)

    def _record(
        self,
        before: State,
        after: State,
        trigger: Trigger,
        outcome: Outcome | None,
        *,
        transition: Transition | None = None,
        operation: Operation | None = None,
    ) -> None:
        """Add a step to the history: by a transition of the table, or for a contradiction."""
        payment = self.payment
        event_type = transition.event if transition and not _unasked(operation) else None
        payment.step += 1
        payment.updated_at = self.now  # refunds change the view of a payment, too
        self.messages.append(
            PaymentTransitioned(
                payment_id=payment.id,
                merchant_id=payment.merchant_id,
                mode=payment.mode,
                step=payment.step,
                from_state=before,
                to_state=after,
                payment=payment_view(payment),
                operation=operation_view(operation, payment.amount.currency) if operation else None,
                cause=Cause(
                    trigger=trigger,
                    source=self.source,
                    message_id=self.message_id,
                    detail=_detail(outcome),
                    observed_at=self.observed_at,
                ),
                config_version=payment.config_version,
                occurred_at=self.now,
                public_event=self._public_event(event_type) if event_type else None,
                contradiction=transition is None,
                sent=self._shown_as_sent(transition, operation) if transition else None,
                deadline=payment.timers.get(operation.id if operation else payment.id) if transition else None,
            )
        )

    def _public_event(self, event_type: str) -> PublicEvent:
        self.payment.event_sequence += 1
        return PublicEvent(ids.new("evt"), cast("EventType", event_type), self.payment.event_sequence)

    def _shown_as_sent(self, transition: Transition, operation: Operation | None) -> Sent | None:
        """What `_add_command` adds for the transition itself: a charge is canceled by an operation, which has steps of its own."""
        if transition.send is Send.CANCEL and operation is None:
            return "query" if self.payment.reference is None else None
        return transition.send and transition.send.value

    def _add_command(self, transition: Transition, operation: Operation | None) -> None:
        match transition.send:
            case None:
                pass
            case Send.CHARGE:
                self.messages.append(commands.operation_command(self.payment, None))
            case Send.CANCEL if operation is None:
                self._give_up()
            case Send.CAPTURE | Send.CANCEL | Send.REFUND:
                assert operation is not None
                self.messages.append(commands.operation_command(self.payment, operation))
            case Send.QUERY:
                (operation or self.payment).queries += 1
                if repeats_command(transition) and commands.fresh(self.payment, operation, self.now):
                    self.messages.append(commands.operation_command(self.payment, operation))
                self.messages.append(commands.query(self.payment, operation))
            case Send.WITHDRAW:
                assert operation is not None
                operation.queries += 1
                self.messages.append(commands.withdraw(self.payment))

    def _give_up(self) -> None:
        """Have the provider cancel the charge, as an operation of its own."""
        payment = self.payment
        payment.queries += 1  # whatever comes of it, the deadlines grow longer
        if payment.reference is None:  # a cancel needs the reference: find it first
            self.messages.append(commands.query(payment, None))
        elif not payment.live(Subject.CANCEL):
            cancel_id = ids.new("can", self.now)
            self.start(commands.new_operation(payment, Subject.CANCEL, cancel_id, self.now, reason=_EXPIRED))

    def _watch_doubt(self, subject: Payment | Operation, transition: Transition) -> None:
        if transition.to is State.IN_DOUBT:
            subject.in_doubt_since = subject.in_doubt_since or self.now
        elif subject.in_doubt_since is not None:
            self.doubts_ended.append((transition.subject, self.now - subject.in_doubt_since))
            subject.in_doubt_since = None

    def _set_timer(self, subject: Payment | Operation, transition: Transition) -> None:
        seconds = deadline_seconds(transition, subject.queries)
        due_at = None if seconds is None else self.now + timedelta(seconds=seconds)
        if due_at and subject is self.payment and transition.to is State.REQUIRES_ACTION:
            due_at = self._until_expiry(transition, due_at)
        self.payment.timers[subject.id] = due_at

    def _until_expiry(self, transition: Transition, due_at: datetime) -> datetime:
        """When to query about a customer who must act: not past the end of the intent, and at once if that has passed."""
        expires_at = self.payment.expires_at
        if self.now < expires_at or transition.state is not State.REQUIRES_ACTION:
            return min(due_at, max(expires_at, self.now))
        return due_at


_EXPIRED = "expired"
_OURS = frozenset({Trigger.OVERDUE, Trigger.EXPIRED})
"""What ends something before anything was sent for it."""


def believable(outcome: Outcome, requested: Money, *, exact: bool) -> Outcome:
    """The outcome, or doubt when its currency is another or its amount is more than was requested.

    Less may be true of a charge: it can be captured in part. Provider services check this too; the owner of the
    payment does not rely on it.
    """
    if not isinstance(outcome, Succeeded | Authorized):
        return outcome
    amount = outcome.amount
    fits = amount.currency == requested.currency and (
        amount == requested if exact else amount.amount_minor <= requested.amount_minor
    )
    return outcome if fits else Unknown(reason="amount_mismatch", reference=outcome.reference)


def trigger_of(outcome: Outcome) -> Trigger:
    """The trigger for a provider's outcome: each has the outcome's own name."""
    return Trigger(RESULTS[type(outcome)])


def _learn_payment(payment: Payment, outcome: Outcome | None) -> None:
    if outcome is None:
        return
    payment.reference = outcome.reference or payment.reference
    match outcome:
        case Succeeded(amount=amount):
            payment.captured_minor = amount.amount_minor
        case Declined(code=code, message=message):
            payment.failure = failure_of(code, message)
        case ActionRequired(action=action):
            payment.action = action
        case Authorized() | Canceled() | Pending() | Approved() | Reversed() | Unknown():
            pass


def _learn_operation(operation: Operation, outcome: Outcome | None) -> None:
    if outcome is None:
        return
    operation.reference = outcome.reference or operation.reference
    match outcome:
        case Declined(code=code, message=message):
            operation.failure = failure_of(code, message)
        case Succeeded() | Authorized() | Canceled() | ActionRequired():
            operation.failure = _too_late(operation.subject, outcome)
        case Pending() | Approved() | Reversed() | Unknown():
            pass


def _unasked(operation: Operation | None) -> bool:
    """Whether it is a cancel that no merchant requested: its payment's end is published, and nothing about the cancel."""
    return operation is not None and operation.subject is Subject.CANCEL and operation.reason == _EXPIRED


def _too_late(subject: Subject, outcome: Outcome) -> Failure | None:
    """Why a capture or cancel has failed though the provider answered: the charge ended in another state."""
    wanted = {Subject.CAPTURE: Succeeded, Subject.CANCEL: Canceled, Subject.REFUND: Succeeded}
    if isinstance(outcome, wanted[subject]):
        return None
    if subject is Subject.CANCEL and isinstance(outcome, Succeeded):
        return failure_of("cancel_too_late")
    return failure_of(f"payment_{trigger_of(outcome)}")


def _own_failure(transition: Transition) -> Failure | None:
    """Why something failed about which no provider has reported anything."""
    if transition.to is not State.FAILED or transition.trigger not in _OURS:
        return None
    if transition.trigger is Trigger.EXPIRED:
        return failure_of("expired")
    return failure_of("never_sent")


def _came_back(operation: Operation, outcome: Outcome | None) -> bool:
    """Whether a refund that has failed had succeeded before: the bank returned what had arrived.

    So it is if the outcome names the same refund of the provider. A refund that was refused, and so never existed there,
    cannot have succeeded: that is a contradiction.
    """
    return (
        operation.subject is Subject.REFUND
        and operation.state is State.FAILED
        and isinstance(outcome, Succeeded)
        and outcome.reference is not None
        and outcome.reference == operation.reference
    )


def _detail(outcome: Outcome | None) -> str | None:
    match outcome:
        case Declined(code=code):
            return code
        case Unknown(reason=reason):
            return reason
        case _:
            return None
