"""Why a card is not charged, each in Stripe's own words: codes, advice, and what the network said."""

from dataclasses import dataclass
from enum import Enum, auto


class Approval(Enum):
    """The issuer agrees, at once or once the customer has shown who they are (3DS)."""

    GIVEN = auto()
    NEEDS_CUSTOMER = auto()


@dataclass(frozen=True, slots=True)
class Decline:
    """`code` is the error's code; `reason` the issuer's (`decline_code`), which only `card_declined` and a few others have.

    `advice` and the network's codes are those of docs.stripe.com/declines; `blocked` is a decline of Stripe's own Radar.
    """

    code: str
    reason: str | None = None
    message: str = "Your card was declined."
    param: str | None = None
    advice: str | None = None
    network_code: str | None = None
    network_advice: str | None = None
    blocked: bool = False

    @property
    def is_of_the_card(self) -> bool:
        """Everything but an authentication that failed, which is no card error."""
        return not self.code.endswith("authentication_failure")


type Result = Approval | Decline

AGAIN = "try_again_later"
NEVER = "do_not_try_again"
CHECK = "confirm_card_data"

GENERIC = Decline("card_declined", "generic_decline", advice=AGAIN, network_code="01")
INSUFFICIENT_FUNDS = Decline(
    "card_declined", "insufficient_funds", "Your card has insufficient funds.", advice=AGAIN, network_code="51"
)
# Whoever presents a lost or stolen card is not told that it is known to be one.
LOST = Decline("card_declined", "lost_card", advice=NEVER, network_code="41", network_advice="03")
STOLEN = Decline("card_declined", "stolen_card", advice=NEVER, network_code="43", network_advice="03")
TOO_OFTEN = Decline(
    "card_declined",
    "card_velocity_exceeded",
    "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
    advice=AGAIN,
    network_code="65",
)
EXPIRED = Decline(
    "expired_card",
    message="Your card has expired.",
    param="exp_month",
    advice=CHECK,
    network_code="54",
    network_advice="01",
)
WRONG_CVC = Decline(
    "incorrect_cvc", message="Your card's security code is incorrect.", param="cvc", advice=CHECK, network_code="N7"
)
PROCESSING = Decline(
    "processing_error",
    message="An error occurred while processing your card. Try again in a little bit.",
    advice=AGAIN,
    network_code="96",
)
FRAUDULENT = Decline("card_declined", "fraudulent", advice=NEVER, blocked=True)
AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
    network_code="1A",
)
AUTHENTICATION_FAILED = Decline(
    "payment_intent_authentication_failure",
    message="The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new "
    "PaymentMethod to attempt to fulfill this PaymentIntent again.",
)
SETUP_AUTHENTICATION_FAILED = Decline(
    "setup_intent_authentication_failure",
    message="The latest attempt to set up the payment method has failed because authentication failed.",
)
