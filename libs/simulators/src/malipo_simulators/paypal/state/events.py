"""What has happened, for whoever follows: here webhooks begin.

Every change of state is emitted once, through `Change.emit_...`, to the functions given to `PaypalWorld.follow`. A follower
is called at once and synchronously, after the change and before its response, so it should only take note and queue: see
`kit.webhooks.sending` for deliveries, and `Happening.cause` for the request (and its fault) behind it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.shapes import Json
from malipo_simulators.paypal.objects.models import Order
from malipo_simulators.paypal.state.account import Account


class EventType(StrEnum):
    """Names as in PayPal's list of webhook events."""

    ORDER_APPROVED = "CHECKOUT.ORDER.APPROVED"
    ORDER_COMPLETED = "CHECKOUT.ORDER.COMPLETED"
    APPROVAL_REVERSED = "CHECKOUT.PAYMENT-APPROVAL.REVERSED"
    AUTHORIZATION_CREATED = "PAYMENT.AUTHORIZATION.CREATED"
    AUTHORIZATION_VOIDED = "PAYMENT.AUTHORIZATION.VOIDED"
    CAPTURE_COMPLETED = "PAYMENT.CAPTURE.COMPLETED"
    CAPTURE_PENDING = "PAYMENT.CAPTURE.PENDING"
    CAPTURE_DECLINED = "PAYMENT.CAPTURE.DECLINED"
    CAPTURE_DENIED = "PAYMENT.CAPTURE.DENIED"
    CAPTURE_REFUNDED = "PAYMENT.CAPTURE.REFUNDED"
    CAPTURE_REVERSED = "PAYMENT.CAPTURE.REVERSED"
    REFUND_PENDING = "PAYMENT.REFUND.PENDING"
    REFUND_FAILED = "PAYMENT.REFUND.FAILED"
    DISPUTE_CREATED = "CUSTOMER.DISPUTE.CREATED"
    DISPUTE_UPDATED = "CUSTOMER.DISPUTE.UPDATED"
    DISPUTE_RESOLVED = "CUSTOMER.DISPUTE.RESOLVED"


class ResourceType(StrEnum):
    ORDER = "checkout-order"
    AUTHORIZATION = "authorization"
    CAPTURE = "capture"
    REFUND = "refund"
    DISPUTE = "dispute"


DESCRIPTIONS: dict[str, str] = {
    EventType.ORDER_APPROVED: "An order has been approved by buyer.",
    EventType.ORDER_COMPLETED: "An order has been completed.",
    EventType.APPROVAL_REVERSED: "A payment has been reversed after approval.",
    EventType.AUTHORIZATION_CREATED: "A payment authorization was created.",
    EventType.AUTHORIZATION_VOIDED: "A payment authorization was voided.",
    EventType.CAPTURE_COMPLETED: "A payment capture was completed.",
    EventType.CAPTURE_PENDING: "The state of a payment capture has changed to pending.",
    EventType.CAPTURE_DECLINED: "A payment capture was declined.",
    EventType.CAPTURE_DENIED: "A payment capture was denied.",
    EventType.CAPTURE_REFUNDED: "A payment capture was refunded.",
    EventType.CAPTURE_REVERSED: "A payment capture was reversed.",
    EventType.REFUND_PENDING: "A refund is pending.",
    EventType.REFUND_FAILED: "A refund has failed.",
    EventType.DISPUTE_CREATED: "A dispute was created.",
    EventType.DISPUTE_UPDATED: "A dispute was updated.",
    EventType.DISPUTE_RESOLVED: "A dispute was resolved.",
}
"""Every type, as the list of available events describes it."""


@dataclass(frozen=True, slots=True)
class Happening:
    """`resource` is the JSON of the object as it was then; `order` is what it is about, and its id keeps events apart."""

    type: EventType
    resource_type: ResourceType
    resource: Json
    account: Account
    order: Order
    cause: Cause
    at: int


type Follower = Callable[[Happening], None]
