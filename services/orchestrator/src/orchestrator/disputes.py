"""What reports of a dispute mean, in whichever order they come, and why nothing is refunded meanwhile. Pure."""

from msgspec.structs import replace

from malipo import clock
from malipo.contracts.outcomes import Disputed, DisputeStatus
from malipo.money import Money
from orchestrator.payment import Operation, Payment
from orchestrator.states import State, Trigger

_STAGES: dict[DisputeStatus, int] = {
    "warning_needs_response": 0,
    "warning_under_review": 1,
    "needs_response": 2,
    "under_review": 3,
    "warning_closed": 4,
    "prevented": 4,
    "won": 4,
    "lost": 4,
}
"""A dispute goes on from one stage to the next; an inquiry may become one, or be closed."""
_OVER = 4
_STANDS = {Trigger.DISPUTED: State.PENDING, Trigger.WON: State.WON, Trigger.LOST: State.LOST}


def trigger_of_dispute(dispute: Disputed) -> Trigger:
    """What it means to the merchant: what ends neither won nor lost is lost if the money is gone."""
    if _STAGES[dispute.status] < _OVER:
        return Trigger.DISPUTED
    if dispute.status in ("won", "lost"):
        return Trigger(dispute.status)
    return Trigger.LOST if dispute.withdrawn else Trigger.WON


def goes_on(known: Disputed, told: Disputed) -> bool:
    """Whether a dispute stands further on than is known, as a dispute never goes back by itself: what else is told of it may be
    older, and is not believed. The provider's service asks then, and an answer is of now.
    """
    return _further(told) > _further(known)


def _further(dispute: Disputed) -> tuple[int, bool]:
    """How far on it is. That the money is withdrawn comes after that it is not, until the end, which may give it back."""
    stage = _STAGES[dispute.status]
    return stage, dispute.withdrawn and stage < _OVER


def is_news_of_dispute(dispute: Operation, trigger: Trigger, outcome: Disputed) -> bool:
    """Whether it stands otherwise than is known."""
    return outcome != dispute.dispute or _STANDS[trigger] is not dispute.state


def decided(dispute: Disputed, trigger: Trigger) -> Disputed:
    """How the dispute stands once a person has found who has the money."""
    lost = trigger is Trigger.DECIDED_COMPLETED
    return replace(dispute, status="lost" if lost else "won", withdrawn=lost)


def why_not_refunded(payment: Payment, disputed: Disputed) -> str:
    """Why a refund is refused while this dispute is open, and what is possible."""
    answer = "You can answer it at the provider"
    answer += f" until {clock.iso(disputed.respond_by)}." if disputed.respond_by else "."
    insist = "To refund all the same, send `despite_dispute` with `true`."
    if not disputed.withdrawn:
        why = f"The customer's bank inquires about {disputed.amount}, and has taken nothing yet; a refund may settle that."
        return f"{why} {answer} {insist}"
    left = Money(payment.undisputed_minor, payment.amount.currency)
    why = f"A dispute over {disputed.amount} is open: the customer's bank has taken the money, and may keep it beside a refund."
    return f"{why} {answer} {left} of the payment is neither disputed nor refunded. {insist}"
