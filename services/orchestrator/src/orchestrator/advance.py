"""Folds one trigger after the other into a payment by the state table. Pure: returns the messages to send."""

from dataclasses import dataclass, field
from datetime import timedelta

from malipo.contracts.events import Sent
from malipo.contracts.failures import failure_of
from malipo.contracts.identity import attempt_of
from malipo.contracts.outcomes import (
    Approved,
    Authorized,
    Canceled,
    Declined,
    Detached,
    OperationOpened,
    Outcome,
    OutcomeReported,
    Succeeded,
    Unknown,
)
from malipo.money import Money
from orchestrator import commands
from orchestrator.deadlines import repeats_command
from orchestrator.disputes import decided, goes_on
from orchestrator.keeping import detached_there, saved_method, told_of
from orchestrator.machine import DECIDED, OF_THE_CHARGE, TABLE, Ignored, Transition
from orchestrator.outcomes import (
    as_outcome,
    believable,
    believable_of,
    came_late,
    holds_after_the_end,
    is_behind,
    is_news,
    is_of_other_money,
    is_overtaken,
    learn_decision,
    learn_operation,
    learn_payment,
    may_be_late,
    names,
    of_the_wait,
    own_failure,
    trigger_from,
    trigger_of,
    why_failed_all_the_same,
)
from orchestrator.parts import after_capture, leaves_a_capture_open, of_the_rest, releases_the_rest
from orchestrator.payment import Operation, Payment
from orchestrator.recording import Recording
from orchestrator.setups import of_the_setup
from orchestrator.states import Send, State, Subject, Trigger
from orchestrator.waits import await_answer, overdue_or_expired, set_deadline, take_answer, watch_doubt


class UnknownOperation(LookupError):
    """An outcome of an operation that this payment does not have."""


@dataclass(slots=True)
class Fold(Recording):
    """What one message does to one payment. `doubts_ended` holds what was in doubt, and for how long."""

    doubts_ended: list[tuple[Subject, timedelta]] = field(default_factory=list[tuple[Subject, timedelta]])
    _asks_instead: bool = False

    def dispatch(self) -> None:
        """Send the charge of a new payment, or what is to keep a method."""
        self._payment_step(Trigger.DISPATCHED, None)

    def refuse_route(self, code: str, message: str) -> None:
        """End a new payment that no provider supports."""
        self.payment.failure = failure_of(code, message)
        self._payment_step(Trigger.UNROUTABLE, None)

    def expire(self) -> None:
        """End a new payment that arrived after its intent had expired: nothing is sent for it."""
        self._payment_step(Trigger.EXPIRED, None)

    def start(self, operation: Operation) -> None:
        """Send a new capture, cancel or refund."""
        self.payment.operations[operation.id] = operation
        self._operation_step(operation, Trigger.DISPATCHED, None)

    def defer(self, operation: Operation) -> None:
        """Keep what cannot be sent yet: a cancel stops a charge that was never sent, and else waits for an outcome; a refund
        waits until the provider has named the charge.
        """
        self.payment.operations[operation.id] = operation
        self._operation_step(operation, Trigger.DEFERRED, None)

    def give_back(self, refund: Operation) -> None:
        """Send a new refund, or keep it until the provider has named the charge: that is queried meanwhile."""
        begin = self.defer if self.payment.reference is None else self.start
        begin(refund)

    def receive(self, outcome: Succeeded) -> None:
        """End a new payment that is money which came without one. Other money under its id cannot be."""
        if self.payment.step:
            return self.contradict(self.payment.state, outcome, None)
        return self._payment_step(Trigger.RECEIVED, outcome)

    def open(self, report: OperationOpened) -> None:
        """Apply a refund, dispute or warning that somebody began at the provider: it begins here unless it is known, and then its
        outcome follows. Of another amount than was known when it ended a refund cannot be; how a dispute stood may be older than
        what is known.

        Raises `ValueError` for another currency than the payment's, which no refund of it can have.
        """
        opened = commands.opened_operation(self.payment, report, self.now)
        operation = self.payment.opened_like(opened)
        if operation is None:
            operation = self.payment.operations[opened.id] = opened
            self._operation_step(operation, Trigger.OPENED, None)
        elif operation.dispute and opened.dispute and not goes_on(operation.dispute, opened.dispute):
            return self.ignored.append(Ignored.REPEAT if operation.dispute == opened.dispute else Ignored.LATE)
        if report.outcome is None:  # there is nothing more of it
            return None
        if operation.subject is Subject.REFUND and operation.amount_minor != opened.amount_minor and not operation.live:
            return self.contradict(operation.state, report.outcome, operation)
        return self._apply_to_operation(operation, report.outcome)

    def decide(self, trigger: Trigger, operation: Operation | None) -> None:
        """Apply what a person has decided of the payment or an operation: the table must have a transition for it.

        A capture or cancel that was carried out has decided the charge, as its outcome would have.
        """
        if operation is None:
            learn_decision(self.payment, trigger)
            return self._payment_step(trigger, None)
        operation.dispute = operation.dispute and decided(operation.dispute, trigger)
        self._operation_step(operation, trigger, None)
        if trigger is Trigger.DECIDED_COMPLETED and operation.subject in OF_THE_CHARGE:
            amount = Money(operation.amount_minor, self.payment.amount.currency)
            self._after(operation, Succeeded(amount=amount) if operation.subject is Subject.CAPTURE else Canceled())
        return None

    def assign(self, amount: Money, reference: str) -> None:
        """Apply money that a person has found to be this payment's: the table must have a transition for it."""
        self.payment.assigned_reference = reference
        self._payment_step(Trigger.SUCCEEDED, Succeeded(amount=amount, reference=reference))

    def apply_outcome(self, report: OutcomeReported) -> None:
        """Apply what the provider reports. Raises `UnknownOperation`."""
        operation = self._answered(report)
        return self._apply_to_operation(operation, report.outcome) if operation else self._apply_to_charge(report)

    def deny(self, report: OutcomeReported) -> None:
        """Contradict an outcome whose money is another payment's: an answer, but no news. Raises `UnknownOperation`."""
        operation = self._answered(report)
        self.contradict(operation.state if operation else self.payment.state, report.outcome, operation)

    def _answered(self, report: OutcomeReported) -> Operation | None:
        """The operation that the report is about, None for the charge: its provider's service has answered."""
        if report.kind in ("charge", "confirm", "setup"):
            if report.operation_id == self.payment.awaited_id and not self.comes_again:
                take_answer(self.payment, self.payment, report)
            return None
        operation = self.payment.operations.get(report.operation_id)
        if operation is None:
            raise UnknownOperation(report.operation_id)
        if not self.comes_again:
            take_answer(self.payment, operation, report)
        return operation

    def _apply_to_operation(self, operation: Operation, reported: Outcome) -> None:
        outcome = believable_of(self.payment, operation, reported)
        released = releases_the_rest(self.payment, operation, outcome)
        trigger = Trigger.CANCELED if released else trigger_from(self.source, outcome)
        self._operation_step(operation, trigger, Canceled(reference=outcome.reference) if released else outcome)
        if operation.subject in OF_THE_CHARGE:
            self._after(operation, outcome)

    def _after(self, operation: Operation, outcome: Outcome) -> None:
        """Apply the answer to a capture or cancel to the charge: it is the charge's state after it, but of a capture which may be
        one of several, and which adds to those before.

        A repeat adds nothing; that the captures make up more than was authorized cannot be.
        """
        if not isinstance(outcome, Succeeded | Authorized | Canceled):
            return
        if operation.subject is not Subject.CAPTURE or not isinstance(outcome, Succeeded):
            return self._payment_step(trigger_of(outcome), outcome)
        trigger, money = after_capture(self.payment, operation, outcome)
        if money.amount.amount_minor > self.payment.amount.amount_minor:
            return self.contradict(self.payment.state, money, None)
        if trigger is Trigger.SUCCEEDED or money.amount.amount_minor > self.payment.captured_minor:
            self._payment_step(trigger, money)

    def _apply_to_charge(self, report: OutcomeReported) -> None:
        """Apply an outcome of the charge or of what confirms it.

        One of an older attempt changes nothing, but that money moved there is alerted.
        """
        outcome = believable(report.outcome, self.payment.amount, exact=False)
        if attempt_of(report.operation_id) != self.payment.attempt:
            if isinstance(outcome, Succeeded):
                return self.contradict(self.payment.state, outcome, None)
            return self.ignored.append(Ignored.LATE)
        if is_behind(self.payment, report, self.now) or leaves_a_capture_open(self.payment, outcome):
            return self.ignored.append(Ignored.LATE)
        if isinstance(outcome, Approved):
            return self._approve(outcome)
        if may_be_late(self.payment, self.source, outcome) or is_overtaken(self.payment, self.source, outcome):
            return self._look_now()
        trigger = of_the_wait(self.payment, trigger_from(self.source, outcome), outcome)
        self._payment_step(trigger, outcome)
        return self._save(outcome)

    def _save(self, outcome: Outcome) -> None:
        """Keep the payment's method for later ones, once the provider has: with the outcome or in a later report of it, which may
        also tell that it is another card now, or was detached.
        """
        payment, told = self.payment, told_of(outcome)
        if told is None:
            return
        trigger = Trigger.SAVED if payment.saved is None else Trigger.METHOD_CHANGED
        saved = saved_method(payment, told, self.now)
        if saved is not None and (payment.subject, payment.state, trigger) in TABLE:
            payment.saved = saved
            self._payment_step(trigger, None)
        if payment.saved is not None and not told.attached:
            self._detached()

    def _detached(self) -> None:
        """The provider keeps the payment's method no more: by the detach that is known, or somebody has made one there."""
        detach = self.payment.detach
        if detach is None:
            detach = detached_there(self.payment, self.now)
            self.payment.operations[detach.id] = detach
            self._operation_step(detach, Trigger.OPENED, None)
        elif detach.state is not State.COMPLETED:
            self._operation_step(detach, Trigger.DETACHED, Detached())

    def _look_now(self) -> None:
        """Have the provider asked at once how the charge stands: the deadline has come."""
        self.payment.timers[self.payment.id] = self.now
        self.ignored.append(Ignored.LATE)

    def _approve(self, outcome: Approved) -> None:
        """The customer has agreed: confirm the charge, unless it is canceled, is confirmed already, or is too old.

        What was observed before the customer had to act once more is of the approval before. The clocks of those who observe
        differ; an answer to a query is of a time when no confirm was under way.
        """
        payment, in_time = self.payment, self.happened_at < self.payment.expires_at
        before = self.observed_at and payment.action_at and self.observed_at < payment.action_at
        stale = before and payment.confirms and self.source != "query"
        if stale or (payment.confirming and in_time and not payment.live(Subject.CANCEL)):
            return self.ignored.append(Ignored.LATE)
        reference = payment.reference or outcome.reference
        if reference is None:
            return self._payment_step(Trigger.UNKNOWN, Unknown(reason="without_reference"))
        if payment.live(Subject.CANCEL):
            payment.reference = reference
            self.ignored.append(Ignored.LATE)
            return self._start_deferred(Subject.CANCEL)
        return self._payment_step(Trigger.APPROVED if in_time else Trigger.EXPIRED, outcome)

    def overdue(self, subject_id: str) -> None:
        """Fire a deadline that has passed. One that no longer matters is dropped."""
        self.payment.timers[subject_id] = None
        if subject_id == self.payment.id:
            self._payment_step(overdue_or_expired(self.payment, self.now, self.restored_at), None)
        elif operation := self.payment.operations.get(subject_id):
            self._operation_step(operation, Trigger.OVERDUE, None)

    def _payment_step(self, trigger: Trigger, outcome: Outcome | None) -> None:
        payment = self.payment
        trigger, outcome = of_the_setup(payment, *of_the_rest(payment, trigger, outcome), self.now)
        transition = TABLE.get((payment.subject, payment.state, trigger))
        if outcome is not None and is_of_other_money(payment, outcome):
            return self.contradict(payment.state, outcome, None)
        if transition is not None and holds_after_the_end(transition) and self.is_known_hold(outcome):
            return None
        if transition is None and names(payment, outcome):
            trigger, transition = Trigger.NAMED, TABLE[Subject.PAYMENT, payment.state, Trigger.NAMED]
        if transition is None or not is_news(payment, trigger, outcome):
            return self.after_the_end(payment.subject, payment.state, trigger, outcome, None)
        before = payment.state
        learn_payment(payment, outcome, self.now)
        self._asks_instead = transition.send is Send.CANCEL and commands.cannot_cancel_now(payment, self.source)
        if transition.to is State.REQUIRES_ACTION and before is not transition.to:
            payment.action_at = min(self.observed_at or self.now, self.now)
        payment.state = transition.to
        payment.confirming = payment.confirming and transition.to is not State.REQUIRES_ACTION
        payment.failure = payment.failure or own_failure(transition, self.because)
        self._wait(payment, transition, outcome)
        self.record(
            before, transition.to, trigger, outcome, transition=transition, sent=self._shown_as_sent(transition, None)
        )
        self._add_command(transition, None)
        if transition.to in DECIDED and transition.to is not transition.state:
            self._close_operations(*as_outcome(payment, trigger, outcome))
        if came_late(payment, transition, self.source):
            self._give_back_late()
        payment.had_money = payment.had_money or transition.to is State.COMPLETED or trigger is Trigger.CAPTURED
        return self._start_deferred()

    def _operation_step(self, operation: Operation, trigger: Trigger, outcome: Outcome | None) -> None:
        transition = TABLE.get((operation.subject, operation.state, trigger))
        if reason := why_failed_all_the_same(operation, outcome):
            return self.ignore(reason, operation.state, outcome, operation)
        if transition is None or not is_news(operation, trigger, outcome):
            return self.after_the_end(operation.subject, operation.state, trigger, outcome, operation)
        before = operation.state
        learn_operation(operation, outcome)
        operation.state = transition.to
        operation.failure = operation.failure or own_failure(transition, self.because)
        operation.updated_at = self.now
        if trigger is Trigger.DISPATCHED:
            operation.dispatched_at = self.now
        self._wait(operation, transition, outcome)
        sent = self._shown_as_sent(transition, operation)
        self.record(before, transition.to, trigger, outcome, transition=transition, operation=operation, sent=sent)
        self._add_command(transition, operation)
        for same in self.payment.taken_for_others(operation):
            self._operation_step(same, Trigger.DECLINED, Declined(code="counted_otherwise"))
        return None

    def _wait(self, subject: Payment | Operation, transition: Transition, outcome: Outcome | None) -> None:
        if (time := watch_doubt(subject, transition, self.now)) is not None:
            self.doubts_ended.append((transition.subject, time))
        set_deadline(self.payment, subject, transition, outcome, self.now)

    def _close_operations(self, trigger: Trigger, outcome: Outcome | None) -> None:
        """The charge has ended: end the captures and cancels that were to change it, and stop the refunds of what went back."""
        if self.payment.state is State.RETURNED:
            self._stop_refunds()
        for operation in self.payment.live(Subject.CAPTURE, Subject.CANCEL):
            taken = operation.subject is Subject.CAPTURE and self.payment.state is State.COMPLETED
            if taken and self.payment.captured_with(operation) != self.payment.captured_minor:
                otherwise = Declined(code="captured_otherwise", message="Another amount was captured.")
                self._operation_step(operation, Trigger.DECLINED, otherwise)
            else:
                self._operation_step(operation, trigger, outcome)

    def _stop_refunds(self) -> None:
        """End those that wait here, and those at the provider's service that were never sent: what is pending was."""
        ours = [one for one in self.payment.live(Subject.REFUND) if one.opened_by != "provider"]
        for refund in ours:
            if refund.state is not State.PENDING:
                self._operation_step(refund, Trigger.PAYMENT_RETURNED, None)

    def _start_deferred(self, *subjects: Subject) -> None:
        """Start what was deferred and can be carried out now: a cancel, because the charge exists, or a refund, as it has a name."""
        for operation in self.payment.waiting(*(subjects or self.payment.possible)):
            self._operation_step(operation, Trigger.DISPATCHED, None)

    def _shown_as_sent(self, transition: Transition, operation: Operation | None) -> Sent | None:
        """What `_add_command` adds for the transition itself: a charge is canceled by an operation, which has steps of its own."""
        if transition.send is Send.CANCEL and operation is None:
            return "query" if self._asks_instead else None
        return transition.send and transition.send.value

    def _add_command(self, transition: Transition, operation: Operation | None) -> None:
        match transition.send:
            case None:
                pass
            case Send.CHARGE | Send.SETUP | Send.CONFIRM:
                if transition.send is Send.CONFIRM:
                    self.payment.begin_confirm()
                await_answer(self.payment, self.payment, query=False)
                self.messages.append(commands.operation_command(self.payment, None))
            case Send.CANCEL if operation is None:
                self._give_up()
            case Send.CAPTURE | Send.CANCEL | Send.REFUND | Send.RETURN_REQUEST | Send.DETACH:
                await_answer(self.payment, operation or self.payment, query=False)
                self.messages.append(commands.operation_command(self.payment, operation))
            case Send.QUERY:
                self._ask(transition, operation)
            case Send.WITHDRAW:
                (operation or self.payment).queries += 1
                self.messages.append(commands.withdraw(self.payment, operation))

    def _ask(self, transition: Transition, operation: Operation | None) -> None:
        (operation or self.payment).queries += 1
        deferred = operation is not None and operation.state is State.WAITING
        await_answer(self.payment, self.payment if operation is None or deferred else operation, query=True)
        if repeats_command(transition):
            self.messages += commands.repeated(self.payment, operation, self.now)
        self.messages.append(commands.query(self.payment, None if deferred else operation))

    def _give_up(self) -> None:
        """Have the provider cancel the charge, as an operation of its own, or ask it where that is of no use now."""
        payment = self.payment
        payment.queries += 1  # whatever comes of it, the deadlines grow longer
        if self._asks_instead:
            await_answer(payment, payment, query=True)
            self.messages.append(commands.query(payment, None))
        elif commands.can_cancel(payment) and not payment.live(Subject.CANCEL):
            self.start(commands.own_cancel(payment, self.now))

    def _give_back_late(self) -> None:
        """Refund money that came after the payment's end, if its merchant wants that, as far as it is not refunded yet or disputed."""
        payment = self.payment
        if payment.live(Subject.DISPUTE):
            return
        if payment.late_payments == "refund" and payment.refundable_minor > 0 and commands.can_refund(payment):
            self.give_back(commands.own_refund(payment, self.now))
