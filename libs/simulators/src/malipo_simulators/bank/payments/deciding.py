"""What a person at the bank can do to a payment."""

from collections.abc import Callable
from enum import StrEnum

from fastapi import HTTPException

from malipo_simulators.bank.objects.models import FOLLOWS, Payment, Status
from malipo_simulators.bank.objects.reasons import HELD, RESEARCH, Reason, rejection, returning
from malipo_simulators.bank.payments import lifecycle
from malipo_simulators.bank.state.world import BankWorld
from malipo_simulators.kit.cause import Cause


class Decision(StrEnum):
    HOLD = "hold"
    RELEASE = "release"
    COMPLETE = "complete"
    RESEARCH = "research"
    REJECT = "reject"
    RETURN = "return"
    ACCEPT_RETURN_REQUEST = "accept-return-request"
    REFUSE_RETURN_REQUEST = "refuse-return-request"


USUAL_CODES = {
    Decision.REJECT: "AC04",
    Decision.RETURN: "R02",
    Decision.REFUSE_RETURN_REQUEST: "CUST",
}
STATES: dict[Decision, tuple[Status, Callable[[str], Reason | None]]] = {
    Decision.HOLD: (Status.HELD, lambda _: HELD),
    Decision.RELEASE: (Status.PROCESSING, lambda _: None),
    Decision.RESEARCH: (Status.UNKNOWN, lambda _: RESEARCH),
    Decision.REJECT: (Status.REJECTED, rejection),
    Decision.RETURN: (Status.RETURNED, returning),
}


def decide(world: BankWorld, payment: Payment, decision: Decision, code: str | None = None) -> None:
    """`code` is that of a rejection, return or refusal; left out, the usual one. Raises `HTTPException` if it cannot be."""
    cause = Cause("POST", f"/_sim/payments/{payment.id}/{decision}", account=payment.debtor_account_id)
    code = code or USUAL_CODES.get(decision, "")
    try:
        match decision:
            case Decision.COMPLETE:
                complete(world, payment, cause)
            case Decision.ACCEPT_RETURN_REQUEST:
                lifecycle.answer(world, payment, cause, refused=None)
            case Decision.REFUSE_RETURN_REQUEST:
                lifecycle.answer(world, payment, cause, refused=code)
            case _:
                status, reason = STATES[decision]
                lifecycle.change(world, payment, status, cause, reason(code))
    except lifecycle.Impossible as error:
        raise HTTPException(409, f"That cannot be: {error}.") from error


def complete(world: BankWorld, payment: Payment, cause: Cause) -> None:
    """Also of one that has not begun yet: it goes now."""
    if Status.PROCESSING in FOLLOWS[payment.status]:
        lifecycle.change(world, payment, Status.PROCESSING, cause)
    if payment.status is not Status.REJECTED:
        lifecycle.change(world, payment, Status.COMPLETED, cause)


def possible(payment: Payment) -> list[Decision]:
    """What can be done to it now."""
    decisions = [one for one, (status, _) in STATES.items() if status in FOLLOWS[payment.status]]
    if {Status.PROCESSING, Status.COMPLETED} & set(FOLLOWS[payment.status]):
        decisions.append(Decision.COMPLETE)
    asked = payment.return_request
    if asked is not None and asked.status == "pending":
        decisions += [Decision.ACCEPT_RETURN_REQUEST, Decision.REFUSE_RETURN_REQUEST]
    return decisions
