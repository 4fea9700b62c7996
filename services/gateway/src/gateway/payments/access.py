"""Which payments a client may see: those of its merchant, in its mode."""

from gateway.edge.authentication import MerchantClient
from gateway.edge.dependencies import Dependencies
from gateway.edge.middleware import about
from gateway.edge.problems import Problem
from gateway.payments import store
from malipo import ids
from malipo.contracts.events import PaymentView


async def require_payment(dependencies: Dependencies, client: MerchantClient, payment_id: str) -> PaymentView:
    """The client's payment. Raises `payment_not_found`, also for one of another merchant or mode."""
    payment = None
    if ids.is_id(payment_id, "pay"):
        payment = await store.get_payment(dependencies.database.reads, payment_id, client.merchant_id, client.mode)
    if payment is None:
        raise Problem("payment_not_found")
    about(payment_id=payment.id, client_ref=payment.client_ref)
    return payment
