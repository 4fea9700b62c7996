"""The test cards: which PaymentMethod id gives which result, as on Stripe's page about testing."""

from dataclasses import dataclass
from enum import Enum, auto


class Approval(Enum):
    """The issuer agrees, at once or once the customer has shown who they are (3DS)."""

    GIVEN = auto()
    NEEDS_CUSTOMER = auto()


@dataclass(frozen=True, slots=True)
class Decline:
    """`code` is the error's code; `reason` the issuer's (`decline_code`)."""

    code: str
    reason: str
    message: str = "Your card was declined."


class RefundFate(Enum):
    """What becomes of a refund to this card after the API has answered."""

    SUCCEEDS = auto()
    PENDING_THEN_SUCCEEDS = auto()
    PENDING_THEN_FAILS = auto()
    SUCCEEDS_THEN_FAILS = auto()


type Result = Approval | Decline


@dataclass(frozen=True, slots=True)
class Card:
    """What a charge on this card leads to: with the customer present, without, and after 3DS was approved."""

    last4: str = "4242"
    brand: str = "visa"
    on_session: Result = Approval.GIVEN
    off_session: Result = Approval.GIVEN
    authenticated: Result = Approval.GIVEN
    refund: RefundFate = RefundFate.SUCCEEDS


AUTHENTICATION_REQUIRED = Decline(
    "authentication_required", "authentication_required", "Your card was declined. It requires authentication."
)
AUTHENTICATION_FAILED = Decline(
    "payment_intent_authentication_failure", "", "The customer did not authenticate; try another payment method."
)


def declining(last4: str, code: str, reason: str) -> Card:
    decline = Decline(code, reason)
    return Card(last4, on_session=decline, off_session=decline, authenticated=decline)


def declined(last4: str, reason: str) -> Card:
    return declining(last4, "card_declined", reason)


def challenging(last4: str, *, off_session: Result = AUTHENTICATION_REQUIRED, then: Result = Approval.GIVEN) -> Card:
    return Card(last4, on_session=Approval.NEEDS_CUSTOMER, off_session=off_session, authenticated=then)


CARDS: dict[str, Card] = {
    "pm_card_visa": Card(),
    "pm_card_visa_debit": Card("5556"),
    "pm_card_mastercard": Card("4444", "mastercard"),
    "pm_card_amex": Card("8431", "amex"),
    "pm_card_visa_chargeDeclined": declined("0002", "generic_decline"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": declined("9995", "insufficient_funds"),
    "pm_card_visa_chargeDeclinedLostCard": declined("9987", "lost_card"),
    "pm_card_visa_chargeDeclinedStolenCard": declined("9979", "stolen_card"),
    "pm_card_visa_chargeDeclinedVelocityLimitExceeded": declined("6975", "card_velocity_exceeded"),
    "pm_card_chargeDeclinedExpiredCard": declining("0069", "expired_card", "expired_card"),
    "pm_card_chargeDeclinedIncorrectCvc": declining("0127", "incorrect_cvc", "incorrect_cvc"),
    "pm_card_chargeDeclinedProcessingError": declining("0119", "processing_error", "processing_error"),
    "pm_card_chargeCustomerFail": declined("0341", "generic_decline"),
    "pm_card_authenticationRequiredOnSetup": challenging("3155"),
    "pm_card_authenticationRequired": challenging("3184"),
    "pm_card_authenticationRequiredSetupForOffSession": challenging("0446", off_session=Approval.GIVEN),
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": challenging(
        "3178", then=Decline("card_declined", "insufficient_funds")
    ),
    "pm_card_threeDSecure2Required": challenging("3220"),
    "pm_card_threeDSecureRequiredChargeDeclined": challenging("1629", then=Decline("card_declined", "generic_decline")),
    "pm_card_pendingRefund": Card("7726", refund=RefundFate.PENDING_THEN_SUCCEEDS),
    "pm_card_refundFail": Card("5126", refund=RefundFate.SUCCEEDS_THEN_FAILS),
}


def with_aliases(cards: dict[str, Card]) -> dict[str, Card]:
    """Declining cards are known both with and without the brand in their name."""
    short, long = "pm_card_chargeDeclined", "pm_card_visa_chargeDeclined"
    aliases = {name.replace(long, short): card for name, card in cards.items() if name.startswith(long)}
    aliases |= {name.replace(short, long): card for name, card in cards.items() if name.startswith(short)}
    return cards | aliases


TEST_CARDS = with_aliases(CARDS)
