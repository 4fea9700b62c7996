"""What is waited for: the deadline of each state, how long a doubt has lasted, and which answer is owed. Pure."""

from datetime import datetime, timedelta

from malipo.contracts.descriptor import PENDING
from malipo.contracts.outcomes import Outcome, OutcomeReported, Pending, Unknown
from malipo.contracts.providers import PROVIDERS
from orchestrator.deadlines import deadline_seconds
from orchestrator.machine import Transition
from orchestrator.payment import Operation, Payment
from orchestrator.states import State, Trigger

_JUST_OVER, _LONGEST = timedelta(seconds=10), timedelta(days=1)


def set_deadline(
    payment: Payment, subject: Payment | Operation, transition: Transition, outcome: Outcome | None, now: datetime
) -> None:
    """Set the deadline of the new state. What is pending has a wait of its own, which the provider may have named; where that
    may know more of a doubt at some time, it is asked then at the latest.
    """
    if State.PENDING in (transition.state, transition.to) and transition.state is not transition.to:
        subject.queries = 0
        subject.pending_seconds = _first_wait_seconds(payment, outcome)
    seconds = deadline_seconds(transition, subject.queries, subject.pending_seconds or PENDING.total_seconds())
    if seconds is not None and isinstance(outcome, Unknown) and outcome.check_after and transition.send is None:
        seconds = min(seconds, max(outcome.check_after, 1))
    due_at = None if seconds is None else now + timedelta(seconds=seconds)
    if due_at and subject is payment:
        due_at = _by_expiry(payment, transition, due_at, now)
    payment.timers[subject.id] = due_at


def watch_doubt(subject: Payment | Operation, transition: Transition, now: datetime) -> timedelta | None:
    """Keep since when it is in doubt, and whether by the provider's last word; how long it was, when the transition ends the doubt."""
    since = subject.in_doubt_since
    subject.unclear = transition.to is State.IN_DOUBT and (subject.unclear or transition.trigger is Trigger.UNCLEAR)
    if transition.to is State.IN_DOUBT:
        subject.in_doubt_since = since or now
        return None
    subject.in_doubt_since = None
    return since and now - since


def await_answer(payment: Payment, subject: Payment | Operation, *, query: bool) -> None:
    """Keep that the payment's present step has sent a command or a query about it, which is to be answered."""
    subject.unanswered, subject.asked_step = True, payment.step if query else 0


def take_answer(payment: Payment, subject: Payment | Operation, report: OutcomeReported) -> None:
    """Keep that the provider's service has answered, if it is what was sent last that is answered.

    Before an answer to a query nothing is left that was sent earlier. An answer to the command, which may have been sent
    again ahead of the query, says nothing about the query behind it, and nor does what the provider was not asked.
    """
    answered_step = max(report.also_answers, report.step if report.source == "query" else 0)
    if subject.unanswered and report.source in ("attempt", "query") and answered_step >= subject.asked_step:
        subject.unanswered = False
        payment.answered.add(subject.id)


def overdue_or_expired(payment: Payment, now: datetime, restored_at: datetime | None = None) -> Trigger:
    """What it means that the payment's deadline has passed: its intent is over if the customer was to act by then.

    After a restore he may have acted in the time that was forgotten: the provider is asked first.
    """
    waits = payment.state is State.REQUIRES_ACTION
    over = waits and now >= payment.expires_at and not _is_forgotten(payment, restored_at)
    return Trigger.EXPIRED if over else Trigger.OVERDUE


def _is_forgotten(payment: Payment, restored_at: datetime | None) -> bool:
    """Whether the provider has not told since the restore how a payment of before stands."""
    if restored_at is None or payment.created_at >= restored_at:
        return False
    return payment.unanswered or payment.updated_at < restored_at


def _first_wait_seconds(payment: Payment, outcome: Outcome | None) -> float | None:
    """How long after something is pending the provider is first asked: as it has said, else as its descriptor has it."""
    if not isinstance(outcome, Pending):
        return None
    if outcome.check_after is not None:
        return float(max(outcome.check_after, 1))
    described = PROVIDERS.get(payment.provider or "")
    return described and described.pending.total_seconds()


def _by_expiry(payment: Payment, transition: Transition, due_at: datetime, now: datetime) -> datetime:
    """When to look after a customer who must act: not past the end of the intent, at once if it has passed when that is told,
    and then not before as long as it has been over, up to a day. So, too, where a customer has agreed too late.
    """
    acts, late = transition.to is State.REQUIRES_ACTION, transition.trigger is Trigger.EXPIRED
    if now < payment.expires_at:
        return min(due_at, payment.expires_at) if acts else due_at
    over = now - payment.expires_at
    if acts and (transition.state is State.PROCESSING or (transition.state is not transition.to and over < _JUST_OVER)):
        return now
    return max(due_at, now + min(over, _LONGEST)) if acts or late else due_at
