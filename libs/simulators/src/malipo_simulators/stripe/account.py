"""What one account owns."""

from malipo_simulators.stripe.endpoint import Endpoint
from malipo_simulators.stripe.events import Event
from malipo_simulators.stripe.idempotency import IdempotencyStore
from malipo_simulators.stripe.models import Charge, Dispute, PaymentIntent, PaymentMethod, Refund
from malipo_simulators.stripe.settings import StripeSettings
from malipo_simulators.stripe.timeline import Timeline


class Account:
    """Payments are kept for the life of the process, as they are the truth; events are bounded."""

    def __init__(self, account_id: str, created: int, settings: StripeSettings) -> None:
        self.id = account_id
        self.created = created
        self.intents = Timeline[PaymentIntent]("payment_intent")
        self.charges = Timeline[Charge]("charge")
        self.refunds = Timeline[Refund]("refund")
        self.disputes = Timeline[Dispute]("dispute")
        self.events = Timeline[Event]("event", bound=settings.max_events)
        self.endpoints = Timeline[Endpoint]("webhook endpoint")
        self.methods: dict[str, PaymentMethod] = {}
        self.keys = IdempotencyStore()
        self.balance: dict[str, int] = {}

    def earn(self, currency: str, amount: int) -> None:
        """Add to the balance; refunds add a negative amount. Fees are not modelled."""
        self.balance[currency] = self.balance.get(currency, 0) + amount
