"""What an outcome means for a payment or an operation, and what is learned from it. Pure."""

from datetime import datetime
from typing import get_args

from malipo.contracts.events import Failure, Source
from malipo.contracts.failures import failure_of
from malipo.contracts.outcomes import (
    AMOUNT_MISMATCH,
    MISFITS,
    RESULTS,
    ActionRequired,
    Approved,
    Authorized,
    Canceled,
    Declined,
    Detached,
    Disputed,
    Kept,
    Outcome,
    OutcomeReported,
    Pending,
    Reversed,
    Succeeded,
    Unasked,
    Unknown,
)
from malipo.contracts.retry import retry_of
from malipo.money import Money
from orchestrator.disputes import is_news_of_dispute, trigger_of_dispute
from orchestrator.keeping import saved_method, told_of
from orchestrator.machine import DECIDED, Ignored, Transition, why_ignored
from orchestrator.payment import Operation, Payment
from orchestrator.states import State, Subject, Trigger


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
    return outcome if fits else Unknown(reason=AMOUNT_MISMATCH, reference=outcome.reference)


def believable_of(payment: Payment, operation: Operation, outcome: Outcome) -> Outcome:
    """The outcome of a capture, cancel or refund of the payment, or doubt.

    A cancel may find less only of what is captured by hand. What somebody began at the provider was never sent by us: that it was not says nothing about it.
    """
    if operation.opened_by == "provider" and isinstance(outcome, Declined) and outcome.code == "never_sent":
        return Unknown(reason="not_sent_by_us")
    requested = Money(operation.amount_minor, payment.amount.currency)
    in_part = operation.subject is Subject.CANCEL and payment.capture == "manual"
    return believable(outcome, requested, exact=not in_part)


def is_behind(payment: Payment, report: OutcomeReported, now: datetime) -> bool:
    """Whether it is about what the confirm under way has left behind, and so is known already.

    Of the charge that the customer has agreed to only its end counts, of an older confirm only money. That the customer
    must act once more, and so may be followed by a second confirm, is believed of the confirm's own answer alone, until
    nothing is confirmed any more: what was asked or told beside it may be older than it.
    """
    if not payment.confirming:
        return False
    if report.operation_id == payment.awaited_id:
        told_beside_it = isinstance(report.outcome, ActionRequired) and report.source != "attempt"
        return told_beside_it and now < payment.expires_at
    counts = Succeeded | Authorized | Reversed
    if report.operation_id == payment.charge_id:
        counts |= Declined | Canceled
    return not isinstance(report.outcome, counts)


def is_known_money(payment: Payment, money: Succeeded) -> bool:
    """Whether it is the money that the ended payment has, or had before it went back: not another that came beside it."""
    same = payment.state is not State.COMPLETED or money.amount.amount_minor == payment.captured_minor
    return same and payment.is_known_money(money.reference)


def holds_after_the_end(transition: Transition) -> bool:
    """Whether money is held though the payment has ended without it."""
    return transition.trigger is Trigger.AUTHORIZED and transition.state in DECIDED


def names(payment: Payment, outcome: Outcome | None) -> bool:
    """Whether it is the first report with the provider's id of money that the payment has, and says nothing else that is new.

    A person has found the payment paid, or the provider has reported it without an id.
    """
    return (
        payment.state is State.COMPLETED
        and payment.paid_reference is None
        and isinstance(outcome, Succeeded)
        and outcome.reference is not None
        and outcome.amount.amount_minor == payment.captured_minor
    )


def is_of_other_money(payment: Payment, outcome: Outcome | None) -> bool:
    """Whether other money went back than the completed payment has. As long as nobody has named that, it is the first named."""
    if not isinstance(outcome, Reversed) or payment.state is not State.COMPLETED or payment.paid_reference is None:
        return False
    return not payment.is_known_money(outcome.reference)


def as_outcome(payment: Payment, trigger: Trigger, outcome: Outcome | None) -> tuple[Trigger, Outcome | None]:
    """What the end of a payment means for the captures and cancels that were to change it, as an outcome."""
    match trigger:
        case Trigger.DECIDED_COMPLETED:
            return Trigger.SUCCEEDED, Succeeded(amount=Money(payment.captured_minor, payment.amount.currency))
        case Trigger.DECLINED | Trigger.DECIDED_FAILED:
            return Trigger.DECLINED, Declined(code="payment_failed")
        case Trigger.REVERSED:
            return Trigger.DECLINED, Declined(code="payment_returned")
        case Trigger.SAVED:
            return Trigger.DECLINED, Declined(code="payment_method_saved")
        case Trigger.RELEASED:
            return Trigger.CANCELED, Canceled()
        case _:
            return trigger, outcome


def trigger_of(outcome: Outcome) -> Trigger:
    """The trigger for a provider's outcome: each has the outcome's own name, but for how a dispute ends."""
    return trigger_of_dispute(outcome) if isinstance(outcome, Disputed) else Trigger(RESULTS[type(outcome)])


def trigger_from(source: Source, outcome: Outcome) -> Trigger:
    """The same, as `source` reports it: a doubt that the provider has told unasked, or of what does not fit, is its last word.

    What a query does not show, or nobody answers, is none: the next one may.
    """
    last_word = isinstance(outcome, Unknown) and (source in get_args(Unasked) or outcome.reason in MISFITS)
    return Trigger.UNCLEAR if last_word else trigger_of(outcome)


def of_the_wait(payment: Payment, trigger: Trigger, outcome: Outcome) -> Trigger:
    """What a report that a charge is pending means: the provider may have begun to work on what it had only taken."""
    begins = isinstance(outcome, Pending) and outcome.begun and not payment.begun
    return Trigger.BEGUN if begins else trigger


def may_be_late(payment: Payment, source: Source, outcome: Outcome) -> bool:
    """Whether a callback says that the charge waits for nothing in particular, though it is known what for: that may be over,
    or the callback is older. An answer to a query is of now.
    """
    nameless = isinstance(outcome, Pending) and outcome.reason is None and outcome.begun
    waits = payment.state is State.PENDING and payment.begun and payment.pending_reason is not None
    return source == "callback" and nameless and waits


def is_overtaken(payment: Payment, source: Source, outcome: Outcome) -> bool:
    """Whether it says that the request's own answer was lost, while the provider has told by another way what came of it: that it
    holds the money, or wants the customer.
    """
    lost = source == "attempt" and trigger_from(source, outcome) is Trigger.UNKNOWN
    return lost and payment.state in (State.AUTHORIZED, State.REQUIRES_ACTION)


def _adds_nothing(subject: Payment | Operation, outcome: Outcome | None) -> bool:
    """Whether it waits for what is known, or was told before the provider began to work on it."""
    if not isinstance(subject, Payment) or not isinstance(outcome, Pending) or subject.state is not State.PENDING:
        return False
    return subject.pending_reason == outcome.reason or (subject.begun and not outcome.begun)


def is_news(subject: Payment | Operation, trigger: Trigger, outcome: Outcome | None) -> bool:
    """Whether it may change anything: that the provider works on it is older than its last word, which was not clear.

    That it is still pending is none, unless it waits for something else now.
    """
    if isinstance(outcome, Disputed) and isinstance(subject, Operation):
        return is_news_of_dispute(subject, trigger, outcome)
    if trigger not in (Trigger.PENDING, Trigger.BEGUN):
        return True
    return not subject.unclear and not (trigger is Trigger.PENDING and _adds_nothing(subject, outcome))


def learn_payment(payment: Payment, outcome: Outcome | None, now: datetime) -> None:
    """Keep what the outcome, learned `now`, says of the payment."""
    if outcome is None:
        return
    _learn_reference(payment, outcome)
    _learn_kept(payment, outcome, now)
    payment.payer = _payer_of(outcome) or payment.payer
    match outcome:
        case Succeeded(amount=amount):
            payment.captured_minor, payment.failure = amount.amount_minor, None
        case Reversed(code=code, message=message):
            payment.captured_minor, payment.failure = 0, failure_of(code, message)
        case Declined(code=code, message=message, retry=told):
            payment.failure = failure_of(code, message, retry_of(told, now))
        case ActionRequired(action=action):
            payment.action = action
        case Pending():
            _learn_wait(payment, outcome)
        case Authorized() | Kept() | Canceled() | Approved() | Disputed() | Detached() | Unknown():
            pass


def _learn_reference(payment: Payment, outcome: Outcome) -> None:
    payment.reference = outcome.reference or payment.reference
    doubted = isinstance(outcome, Unknown) and outcome.reason == AMOUNT_MISMATCH  # perhaps of other money
    if outcome.reference is not None and not doubted:
        payment.know(outcome.reference, paid=isinstance(outcome, Succeeded))


def _learn_kept(payment: Payment, outcome: Outcome, now: datetime) -> None:
    if isinstance(outcome, Kept):
        told = told_of(outcome)
        payment.saved, payment.failure = payment.saved or (told and saved_method(payment, told, now)), None


def _learn_wait(payment: Payment, outcome: Pending) -> None:
    payment.begun = payment.begun or outcome.begun
    payment.pending_reason = outcome.reason
    payment.execution_at = outcome.execution_at or payment.execution_at


def _payer_of(outcome: Outcome) -> str | None:
    return outcome.payer if isinstance(outcome, Succeeded | Authorized | Approved) else None


def learn_decision(payment: Payment, trigger: Trigger) -> None:
    """Keep what a person's decision says of the payment: all of its money is there, or what was or is captured, or none.

    What was assigned to it before is not its money any more.
    """
    payment.forget_assigned()
    payment.captured_minor, payment.failure = 0, None
    if trigger is Trigger.DECIDED_COMPLETED:
        captures = [one for one in payment.operations.values() if one.subject is Subject.CAPTURE]
        captured = [one.amount_minor for one in captures if one.live or one.state is State.COMPLETED]
        payment.captured_minor = sum(captured) or payment.amount.amount_minor


def learn_operation(operation: Operation, outcome: Outcome | None) -> None:
    """Keep what the outcome says of an operation."""
    if outcome is None:
        return
    operation.reference = outcome.reference or operation.reference
    operation.came_back = operation.came_back or isinstance(outcome, Reversed)
    match outcome:
        case Declined(code=code, message=message) | Reversed(code=code, message=message):
            operation.failure = failure_of(code, message)
        case Succeeded() | Authorized() | Canceled() | ActionRequired():
            operation.failure = _too_late(operation.subject, outcome)
        case Detached():
            operation.failure = None
        case Disputed():
            operation.dispute = outcome
        case Kept() | Pending() | Approved() | Unknown():
            pass


def _too_late(subject: Subject, outcome: Outcome) -> Failure | None:
    """Why a capture or cancel has failed though the provider answered: the charge ended in another state."""
    if subject is Subject.REFUND and isinstance(outcome, Canceled):
        return failure_of("payment_returned")  # why it was withdrawn
    if isinstance(outcome, Canceled if subject is Subject.CANCEL else Succeeded):
        return None
    if subject is Subject.CANCEL and isinstance(outcome, Succeeded):
        return failure_of("cancel_too_late")
    return failure_of(f"payment_{trigger_of(outcome)}")


def own_failure(transition: Transition, because: str | None) -> Failure | None:
    """Why something failed about which no provider has reported anything; `because` is a person's reason."""
    if transition.to is not State.FAILED:
        return None
    match transition.trigger:
        case Trigger.DECIDED_FAILED:
            return failure_of("decided_by_operator", because or "")
        case Trigger.EXPIRED:
            return failure_of("expired")
        case Trigger.OVERDUE:
            return failure_of("never_sent")
        case Trigger.PAYMENT_RETURNED:
            return failure_of("payment_returned")
        case _:
            return None


def why_failed_all_the_same(operation: Operation, outcome: Outcome | None) -> Ignored | None:
    """Why a refund stays failed as it is though the provider reports an end; None where it was made after all, or where only a
    person had held it to have failed.

    If a success names the refund that had failed, it had succeeded before: the bank returned what had arrived. If it
    names none, or the first of one whose money came back, that cannot be told.
    """
    failed = operation.subject is Subject.REFUND and operation.state is State.FAILED
    by_provider = operation.failure is not None and operation.failure.code != "decided_by_operator"
    if failed and by_provider and isinstance(outcome, Declined | Reversed):
        return why_ignored(operation.subject, operation.state, Trigger.DECLINED)
    known = operation.reference is not None or operation.came_back
    if not (failed and by_provider and known and isinstance(outcome, Succeeded)):
        return None
    if outcome.reference is None or operation.reference is None:
        return Ignored.CONTRADICTION
    return Ignored.LATE if outcome.reference == operation.reference else None


def came_late(payment: Payment, transition: Transition, source: Source) -> bool:
    """Whether the provider reports money that comes for the first time, after the payment's end.

    What a person decides or assigns is no such report, and nor is what was there before a person decided otherwise.
    """
    money = transition.trigger in (Trigger.SUCCEEDED, Trigger.CAPTURED)
    corrected = transition.event == "payment.corrected" and money
    return corrected and source != "operator" and not payment.had_money


def detail_of(outcome: Outcome | None) -> str | None:
    """The outcome's own code, or its reason, as the history keeps it."""
    match outcome:
        case Declined(code=code) | Reversed(code=code):
            return code
        case Unknown(reason=reason) | Pending(reason=reason):
            return reason
        case _:
            return None
