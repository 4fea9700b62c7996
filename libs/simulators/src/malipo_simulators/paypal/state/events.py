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


class ResourceType(StrEnum):
    ORDER = "checkout-order"
    AUTHORIZATION = "authorization"
    CAPTURE = "capture"
    REFUND = "refund"


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
