"""What one account owns."""

from malipo_simulators.stripe.objects.customers import Customer, PaymentMethod, SetupAttempt, SetupIntent
from malipo_simulators.stripe.objects.ledger import BalanceTransaction, Payout
from malipo_simulators.stripe.objects.lists import ObjectList
from malipo_simulators.stripe.objects.models import Charge, Dispute, EarlyFraudWarning, PaymentIntent, Refund
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
        self.warnings = ObjectList[EarlyFraudWarning]("early fraud warning")
        self.customers = ObjectList[Customer]("customer")
        self.methods = ObjectList[PaymentMethod]("PaymentMethod")
        self.setups = ObjectList[SetupIntent]("setupintent")
        self.attempts = ObjectList[SetupAttempt]("setup attempt")
        self.transactions = ObjectList[BalanceTransaction]("balance transaction")
        self.payouts = ObjectList[Payout]("payout")
        self.events = ObjectList[Event]("event", bound=settings.max_events)
        self.endpoints = ObjectList[Endpoint]("webhook endpoint")
        self.keys = IdempotencyStore()

    def balance(self, *, available: bool) -> dict[str, int]:
        """By currency, what can be paid out, or what cannot yet; every currency that ever moved is there."""
        sums: dict[str, int] = {}
        for one in self.transactions:
            counted = one.net if one.is_available == available else 0
            sums[one.currency] = sums.get(one.currency, 0) + counted
        return dict(sorted(sums.items()))
