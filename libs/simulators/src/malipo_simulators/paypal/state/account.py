"""What one merchant's account owns."""

from malipo_simulators.kit.timeline import Timeline
from malipo_simulators.paypal.objects.models import Authorization, Capture, Dispute, Order, Refund
from malipo_simulators.paypal.state.book import Effect
from malipo_simulators.paypal.state.idempotency import IdempotencyStore
from malipo_simulators.paypal.webhooks.models import Event, Webhook

# The oldest go first.
MAX_EVENTS = 20_000


class Account:
    """`id` is the merchant id. `ledger` has every effect on money in order: transaction search reads it.

    `invoices` are the invoice ids that were authorized or captured, each with the order of it; `unsettled` is what is pending, by its id.
    """

    def __init__(self, account_id: str, client_id: str, secret: bytes, created: int) -> None:
        self.id = account_id
        self.client_id = client_id
        self.secret = secret
        self.created = created
        self.email = f"merchant-{account_id.lower()}@business.example.com"
        self.orders = Timeline[Order]()
        self.authorizations = Timeline[Authorization]()
        self.captures = Timeline[Capture]()
        self.refunds = Timeline[Refund]()
        self.disputes = Timeline[Dispute]()
        self.webhooks = Timeline[Webhook]()
        self.events = Timeline[Event](MAX_EVENTS)
        self.ledger: list[Effect] = []
        self.idempotency = IdempotencyStore()
        self.invoices: dict[str, str] = {}
        self.captured_invoices: set[str] = set()
        self.refund_invoices: set[str] = set()
        self.unsettled: dict[str, Authorization | Capture | Refund] = {}
        self.waiting_orders: dict[str, Order] = {}
        self.open_authorizations: dict[str, Authorization] = {}
        self.withdrawn: dict[str, int] = {}

    def balance(self, currency: str) -> int:
        """In minor units, after fees."""
        moved = sum(one.net for one in self.ledger if one.amount.currency == currency)
        return moved - self.withdrawn.get(currency, 0)
