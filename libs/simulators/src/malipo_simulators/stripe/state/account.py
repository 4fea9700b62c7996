"""What one account owns."""

from malipo_simulators.stripe.objects.lists import ObjectList
from malipo_simulators.stripe.objects.models import Charge, Dispute, PaymentIntent, PaymentMethod, Refund
from malipo_simulators.stripe.settings import StripeSettings
from malipo_simulators.stripe.state.idempotency import IdempotencyStore
from malipo_simulators.stripe.webhooks.endpoint import Endpoint
from malipo_simulators.stripe.webhooks.event import Event


class Account:
    """Payments are kept for the life of the process, as they are the truth; events are bounded."""

    def __init__(self, account_id: str, created: int, settings: StripeSettings) -> None:
        self.id = account_id
        self.created = created
        self.intents = ObjectList[PaymentIntent]("payment_intent")
        self.charges = ObjectList[Charge]("charge")
        self.refunds = ObjectList[Refund]("refund")
        self.disputes = ObjectList[Dispute]("dispute")
        self.events = ObjectList[Event]("event", bound=settings.max_events)
        self.endpoints = ObjectList[Endpoint]("webhook endpoint")
        self.methods: dict[str, PaymentMethod] = {}
        self.keys = IdempotencyStore()
        self.balance: dict[str, int] = {}

    def earn(self, currency: str, amount: int) -> None:
        """Add to the balance; refunds add a negative amount. Fees are not modelled."""
        self.balance[currency] = self.balance.get(currency, 0) + amount
