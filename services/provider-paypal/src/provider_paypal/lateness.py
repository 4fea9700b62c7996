"""What it means that nothing shows of an operation, by how long ago it was sent; and when it is too late to send it. Pure."""

from datetime import timedelta

from malipo.contracts.outcomes import Canceled, Declined, Outcome, Unknown
from malipo.contracts.provider_commands import Cancel, Charge, Confirm
from malipo.contracts.providers.paypal import REPEAT
from provider_kit.provider import Attempt
from provider_kit.reasons import KEY_IS_OLD, KEY_MARGIN, without_effect
from provider_paypal.objects import AUTHORIZATION, CAPTURE

ORDER_KEY_LIFE = REPEAT.life
PAYMENT_KEY_LIFE = timedelta(days=45)
"""PayPal remembers the key of a capture of an authorization, and of a refund, so long (Payments, `PayPal-Request-Id`)."""
UNVISITED_LIFE = timedelta(hours=3)
"""An order whose payer never came is gone after that (Orders, `links`)."""
SETTLED, LONG_SETTLED = timedelta(minutes=10), timedelta(days=1)
"""No request of ours takes longer (half a minute), nor, we suppose, what PayPal does with one, which it documents nowhere: what it
has done shows in the order by then. Where the refusal of a repeat may come of the first try itself, we look for a day.
"""

_NO_EFFECT_YET = Unknown(reason="no effect yet")
_NEVER_APPROVED = Declined(
    code="expired", message="The payment expired before it was approved: PayPal has no order by which money could move."
)
_WITHOUT_EFFECT = without_effect("Long", "PayPal's order")


def is_too_late(attempt: Attempt) -> bool:
    """Whether nothing may be sent for the operation any more."""
    expired = attempt.ages.expired and isinstance(attempt.operation, Charge | Confirm)
    return expired or attempt.ages.key_age_now() >= _key_life(attempt) - KEY_MARGIN


def outcome_if_missing(attempt: Attempt) -> Outcome:
    """What it means that PayPal has no such order. One that nobody has approved it keeps for hours, and then no more; one that
    is too young may not show yet, and one of which something was made is no end of that.

    An approved order is gone as well, hours after nobody has captured it: what shows nothing when its confirm's key has ended
    never had an effect, and can have none any more.
    """
    unmade = not (attempt.references.get(CAPTURE) or attempt.references.get(AUTHORIZATION))
    age = attempt.ages.key_age_now() if attempt.same_account else timedelta()
    match attempt.operation:
        case Charge() if unmade and age >= UNVISITED_LIFE:
            return _NEVER_APPROVED
        case Confirm() if unmade and age >= ORDER_KEY_LIFE:
            return _WITHOUT_EFFECT
        case Cancel(reference=order) if age >= SETTLED:
            return Canceled(reference=order)
        case _:
            return Unknown(reason="PayPal does not find it")


def outcome_if_too_late(attempt: Attempt) -> Outcome:
    """The outcome of what is not sent any more, and of which nothing shows.

    A charge whose order nobody knows has no page that anybody could approve, and no confirm could be of it.
    """
    dead = attempt.ages.key_age_now() >= _key_life(attempt)
    match attempt.operation:
        case Charge() if attempt.forgotten:  # somebody may know its order
            return KEY_IS_OLD
        case Charge():
            return _NEVER_APPROVED if dead or attempt.ages.expired else KEY_IS_OLD
        case Confirm() if not dead:
            return _NO_EFFECT_YET
        case _:
            return _WITHOUT_EFFECT if dead else KEY_IS_OLD


def _key_life(attempt: Attempt) -> timedelta:
    return ORDER_KEY_LIFE if isinstance(attempt.operation, Charge | Confirm) else PAYMENT_KEY_LIFE
