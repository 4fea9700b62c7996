"""What moves the balance of an account, before it is written down."""

from dataclasses import dataclass
from decimal import Decimal

from malipo_simulators.stripe.objects.ledger import Movement


@dataclass(frozen=True, slots=True)
class Moved:
    """What a movement is. `amount` is negative for what leaves; `category` the reporting category, if it is not the kind. By `rate`
    it was made of another currency's.
    """

    kind: Movement
    amount: int
    currency: str
    category: str | None = None
    fee: int = 0
    at_once: bool = True
    description: str | None = None
    fee_description: str = "Stripe processing fees"
    rate: Decimal | None = None
