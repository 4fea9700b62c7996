"""What reports mean of a charge that may be captured several times: each capture takes a part, and the rest stays held. Pure."""

from msgspec.structs import replace

from malipo.contracts.outcomes import AMOUNT_MISMATCH, Canceled, Declined, Outcome, Succeeded, Unknown
from malipo.contracts.providers import PROVIDERS
from malipo.money import Money
from orchestrator.machine import DECIDED
from orchestrator.payment import Operation, Payment
from orchestrator.states import State, Subject, Trigger


def takes_several_captures(payment: Payment) -> bool:
    """Whether the payment's provider captures a charge more than once."""
    described = PROVIDERS.get(payment.provider or "")
    rules = described.operations.get("capture") if described else None
    return rules is not None and rules.several


def after_capture(payment: Payment, capture: Operation, outcome: Succeeded) -> tuple[Trigger, Succeeded]:
    """What a capture that was carried out is to its charge: the end if it was the last one, with all that was captured."""
    captured = Money(payment.captured_with(capture), payment.amount.currency)
    return Trigger.SUCCEEDED if capture.final else Trigger.CAPTURED, replace(outcome, amount=captured)


def of_the_rest(payment: Payment, trigger: Trigger, outcome: Outcome | None) -> tuple[Trigger, Outcome | None]:
    """What an outcome is to a charge that is captured in parts: an end without more money is the end of the rest alone.

    That it has less than was captured is not believed.
    """
    if not payment.is_captured_in_parts or not isinstance(outcome, Succeeded | Declined | Canceled):
        return trigger, outcome
    captured = Money(payment.captured_minor, payment.amount.currency)
    ended = payment.state in DECIDED
    if not isinstance(outcome, Succeeded) or (outcome.amount == captured and not ended):
        money = Succeeded(amount=captured, reference=outcome.reference)
        return Trigger.SUCCEEDED if ended else Trigger.RELEASED, money
    if outcome.amount.amount_minor < captured.amount_minor and not ended:
        return Trigger.UNCLEAR, Unknown(reason=AMOUNT_MISMATCH, reference=outcome.reference)
    return trigger, outcome


def releases_the_rest(payment: Payment, operation: Operation, outcome: Outcome) -> bool:
    """Whether a cancel has done its work though the provider has money: what was captured before it, and no more."""
    if (
        operation.subject is not Subject.CANCEL
        or not isinstance(outcome, Succeeded)
        or not payment.is_captured_in_parts
    ):
        return False
    in_time = payment.state not in DECIDED or operation.state is State.COMPLETED
    return in_time and outcome.amount.amount_minor == payment.captured_minor


def leaves_a_capture_open(payment: Payment, outcome: Outcome) -> bool:
    """Whether it is an end without money while a capture is under way: that may be the end of what was left beside it."""
    return (
        isinstance(outcome, Canceled | Declined)
        and takes_several_captures(payment)
        and bool(payment.live(Subject.CAPTURE))
    )
