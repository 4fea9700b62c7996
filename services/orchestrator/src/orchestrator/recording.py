"""Records each step of a payment: in its history, and as an event to its merchant. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from malipo import ids
from malipo.contracts.events import (
    Cause,
    EventType,
    PaymentMethodView,
    PaymentTransitioned,
    PaymentView,
    PublicEvent,
    Sent,
    Source,
)
from malipo.contracts.message import Message
from malipo.contracts.outcomes import Outcome, Succeeded
from orchestrator import commands
from orchestrator.machine import Ignored, Transition, why_ignored
from orchestrator.outcomes import detail_of, is_known_money, trigger_of
from orchestrator.payment import Operation, Payment
from orchestrator.states import State, Subject, Trigger
from orchestrator.views import operation_view, payment_method_view, payment_view


@dataclass(slots=True)
class Recording:
    """The messages that one message to one payment leads to, and why outcomes were ignored.

    `now` is PostgreSQL's, read with the payment: deadlines are set and passed by that clock alone. `observed_at` is when
    a provider's outcome was received, `because` why a person decided. `restored_at`: what was received before that may have been
    applied before, and what followed is perhaps not known yet.
    """

    payment: Payment
    now: datetime
    source: Source
    message_id: str
    observed_at: datetime | None = None
    because: str | None = None
    restored_at: datetime | None = None
    messages: list[Message] = field(default_factory=list[Message])
    ignored: list[Ignored] = field(default_factory=list[Ignored])

    @property
    def comes_again(self) -> bool:
        """Whether the outcome is one of before the database was restored."""
        return bool(self.restored_at and self.observed_at and self.observed_at < self.restored_at)

    @property
    def happened_at(self) -> datetime:
        """When what is applied became known: of what comes again, when it came first."""
        return self.observed_at if self.comes_again and self.observed_at else self.now

    def ignore(self, reason: Ignored, state: State, outcome: Outcome | None, operation: Operation | None) -> None:
        """Note why an outcome changes nothing; a contradiction is recorded, too."""
        if outcome is not None and reason is Ignored.CONTRADICTION:
            self.contradict(state, outcome, operation)
        else:
            self.ignored.append(reason)

    def contradict(self, state: State, outcome: Outcome, operation: Operation | None) -> None:
        """Record and have alerted an outcome that cannot be true beside an earlier one; it changes nothing."""
        self.ignored.append(Ignored.CONTRADICTION)
        self.record(state, state, trigger_of(outcome), outcome, operation=operation)

    def is_known_hold(self, outcome: Outcome | None) -> bool:
        """Whether money that is held after the end was to be released before: once is enough; what cannot be, is alerted."""
        assert outcome is not None
        releases = [one for one in self.payment.operations.values() if one.reason == commands.LATE_HOLD]
        if any(one.state is not State.FAILED for one in releases):
            self.ignored.append(Ignored.LATE)
        elif releases or (outcome.reference or self.payment.reference) is None or not commands.can_cancel(self.payment):
            self.contradict(self.payment.state, outcome, None)
        else:
            return False
        return True

    def after_the_end(
        self, subject: Subject, state: State, trigger: Trigger, outcome: Outcome | None, operation: Operation | None
    ) -> None:
        """Judge what changes nothing: a repeat, true in any order, or impossible beside what was reported first."""
        reason = why_ignored(subject, state, trigger)
        if operation is None and isinstance(outcome, Succeeded) and not is_known_money(self.payment, outcome):
            reason = Ignored.CONTRADICTION
        self.ignore(reason, state, outcome, operation)

    def record(
        self,
        before: State,
        after: State,
        trigger: Trigger,
        outcome: Outcome | None,
        *,
        transition: Transition | None = None,
        operation: Operation | None = None,
        sent: Sent | None = None,
    ) -> None:
        """Add a step to the history: by a transition of the table, or for a contradiction."""
        payment = self.payment
        payment.step += 1
        payment.updated_at = self.now  # refunds change the view of a payment, too
        view = payment_view(payment) if payment.subject is Subject.PAYMENT else None
        event_type = (
            transition.event if transition and not _unasked(operation) and not _unchanged(transition, view) else None
        )
        self.messages.append(
            PaymentTransitioned(
                payment_id=payment.id,
                merchant_id=payment.merchant_id,
                mode=payment.mode,
                step=payment.step,
                from_state=before,
                to_state=after,
                payment=view,
                operation=operation_view(operation, payment.amount.currency) if operation else None,
                cause=Cause(
                    trigger=trigger,
                    source=self.source,
                    message_id=self.message_id,
                    detail=self.because or detail_of(outcome),
                    observed_at=self.observed_at,
                ),
                config_version=payment.config_version,
                occurred_at=self.now,
                public_event=self._public_event(event_type) if event_type else None,
                contradiction=transition is None,
                sent=sent,
                deadline=payment.timers.get(operation.id if operation else payment.id) if transition else None,
                payment_method=_told_method(payment, trigger, operation, self.now),
            )
        )

    def _public_event(self, event_type: str) -> PublicEvent:
        self.payment.event_sequence += 1
        return PublicEvent(ids.new("evt"), cast("EventType", event_type), self.payment.event_sequence)


def _told_method(
    payment: Payment, trigger: Trigger, operation: Operation | None, now: datetime
) -> PaymentMethodView | None:
    """The saved method, where the step is about it."""
    of_detach = operation is not None and operation.subject is Subject.DETACH
    about = of_detach or payment.subject is Subject.SETUP or trigger in (Trigger.SAVED, Trigger.METHOD_CHANGED)
    return payment_method_view(payment, now) if about else None


def _unchanged(transition: Transition, view: PaymentView | None) -> bool:
    """Whether it is told that a payment is processing of which the provider is not known to have begun."""
    return view is not None and transition.event == "payment.processing" and view.status != "processing"


def _unasked(operation: Operation | None) -> bool:
    """Whether it is a cancel that ends a payment in time: the payment's end is published, and nothing about the cancel."""
    return operation is not None and operation.subject is Subject.CANCEL and operation.reason == commands.EXPIRED
