"""What a test card does: to charges, to setups, to refunds, and after a charge has succeeded."""

from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from malipo_simulators.stripe.objects.declines import (
    AUTHENTICATION_REQUIRED,
    Approval,
    Decline,
    Result,
)


class RefundFate(Enum):
    """What becomes of a refund to this card after the API has answered."""

    SUCCEEDS = auto()
    PENDING_THEN_SUCCEEDS = auto()
    PENDING_THEN_FAILS = auto()
    SUCCEEDS_THEN_FAILS = auto()


class Aftermath(Enum):
    """What the customer or the bank does once a charge has succeeded."""

    NOTHING = auto()
    DISPUTE = auto()
    DISPUTE_NOT_RECEIVED = auto()
    INQUIRY = auto()
    TWO_DISPUTES = auto()
    FRAUD_WARNING = auto()


class Risk(StrEnum):
    """What Radar thinks of a charge; `score` is out of a hundred."""

    NORMAL = "normal"
    ELEVATED = "elevated"
    HIGHEST = "highest"

    @property
    def score(self) -> int:
        return {Risk.NORMAL: 20, Risk.ELEVATED: 65, Risk.HIGHEST: 92}[self]


@dataclass(frozen=True, slots=True)
class Checks:
    """How the issuer's checks end, if what they check was given."""

    cvc: str = "pass"
    line1: str = "pass"
    postal_code: str = "pass"


@dataclass(frozen=True, slots=True)
class Card:
    """What a charge on this card leads to: with the customer present, without, and after 3DS was approved.

    `setup` is what saving it leads to; after that `off_session_when_set_up` holds, if there is one. `declines_saving` refuses
    to belong to a customer. `at_once`: its money is available without waiting.
    """

    last4: str = "4242"
    brand: str = "visa"
    country: str = "US"
    funding: str = "credit"
    on_session: Result = Approval.GIVEN
    off_session: Result = Approval.GIVEN
    off_session_when_set_up: Result | None = None
    authenticated: Result = Approval.GIVEN
    setup: Result = Approval.GIVEN
    setup_authenticated: Result = Approval.GIVEN
    refund: RefundFate = RefundFate.SUCCEEDS
    aftermath: Aftermath = Aftermath.NOTHING
    risk: Risk = Risk.NORMAL
    checks: Checks = Checks()
    at_once: bool = False
    has_3ds: bool = True

    def result(self, *, off_session: bool, set_up: bool) -> Result:
        """What the issuer says to a charge; `set_up` if the card was saved for such charges before."""
        if not off_session:
            return self.on_session
        return (self.off_session_when_set_up if set_up else None) or self.off_session

    @property
    def saving_refused(self) -> Decline | None:
        """Why it cannot be attached to a customer."""
        return self.setup if isinstance(self.setup, Decline) else None


def declined(last4: str, decline: Decline) -> Card:
    """Refuses everything, also to be saved."""
    return Card(last4, on_session=decline, off_session=decline, authenticated=decline, setup=decline)


def challenging(last4: str, *, off_session: Result = AUTHENTICATION_REQUIRED, then: Result = Approval.GIVEN) -> Card:
    """Asks for the customer, whenever he is there."""
    return Card(
        last4,
        on_session=Approval.NEEDS_CUSTOMER,
        off_session=off_session,
        authenticated=then,
        setup=Approval.NEEDS_CUSTOMER,
    )
