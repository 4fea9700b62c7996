"""What an outcome means for a payment or an operation, and what is learned from it. Pure."""

from malipo.contracts.events import Failure
from malipo.contracts.failures import failure_of
from malipo.contracts.outcomes import (
    RESULTS,
    ActionRequired,
    Approved,
    Authorized,
    Canceled,
    Declined,
    Outcome,
    Pending,
    Reversed,
    Succeeded,
    Unknown,
)
from malipo.money import Money
from orchestrator.machine import State, Subject, Transition, Trigger
from orchestrator.payment import Operation, Payment

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


def learn_payment(payment: Payment, outcome: Outcome | None) -> None:
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


def learn_operation(operation: Operation, outcome: Outcome | None) -> None:
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


def _too_late(subject: Subject, outcome: Outcome) -> Failure | None:
    """Why a capture or cancel has failed though the provider answered: the charge ended in another state."""
    wanted = {Subject.CAPTURE: Succeeded, Subject.CANCEL: Canceled, Subject.REFUND: Succeeded}
    if isinstance(outcome, wanted[subject]):
        return None
    if subject is Subject.CANCEL and isinstance(outcome, Succeeded):
        return failure_of("cancel_too_late")
    return failure_of(f"payment_{trigger_of(outcome)}")


def own_failure(transition: Transition) -> Failure | None:
    """Why something failed about which no provider has reported anything."""
    if transition.to is not State.FAILED or transition.trigger not in _OURS:
        return None
    if transition.trigger is Trigger.EXPIRED:
        return failure_of("expired")
    return failure_of("never_sent")


def came_back(operation: Operation, outcome: Outcome | None) -> bool:
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


def detail_of(outcome: Outcome | None) -> str | None:
    match outcome:
        case Declined(code=code):
            return code
        case Unknown(reason=reason):
            return reason
        case _:
            return None
