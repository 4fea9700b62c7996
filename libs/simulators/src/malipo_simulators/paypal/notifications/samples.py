"""What mock events tell of: a payment of 10.00 USD that there never was."""

from malipo_simulators.kit.shapes import Json
from malipo_simulators.paypal.http.request import PaypalRequest
from malipo_simulators.paypal.objects.models import (
    Authorization,
    AuthorizationStatus,
    Capture,
    CaptureStatus,
    Context,
    Dispute,
    DisputeOutcome,
    DisputeStatus,
    Intent,
    Order,
    OrderStatus,
    Payer,
    Refund,
    RefundStatus,
    Unit,
)
from malipo_simulators.paypal.objects.money import Money
from malipo_simulators.paypal.objects.plans import Funding
from malipo_simulators.paypal.objects.render import (
    render_authorization,
    render_capture,
    render_dispute,
    render_order,
    render_refund,
    render_reversed,
)
from malipo_simulators.paypal.state.events import EventType, ResourceType

AMOUNT, FEE = Money(1_000, "USD"), Money(84, "USD")
PAYER = Payer("QYR5Z8XDVJNXQ", "payer@personal.example.com", "John", "Doe", "US")
ORDER_STATUSES = {EventType.ORDER_APPROVED: OrderStatus.APPROVED, EventType.ORDER_COMPLETED: OrderStatus.COMPLETED}
CAPTURE_STATUSES = {
    EventType.CAPTURE_COMPLETED: CaptureStatus.COMPLETED,
    EventType.CAPTURE_PENDING: CaptureStatus.PENDING,
    EventType.CAPTURE_DECLINED: CaptureStatus.DECLINED,
    EventType.CAPTURE_DENIED: CaptureStatus.DECLINED,
}
AUTHORIZATION_STATUSES = {
    EventType.AUTHORIZATION_CREATED: AuthorizationStatus.CREATED,
    EventType.AUTHORIZATION_VOIDED: AuthorizationStatus.VOIDED,
}
REFUND_STATUSES = {
    EventType.CAPTURE_REFUNDED: RefundStatus.COMPLETED,
    EventType.CAPTURE_REVERSED: RefundStatus.COMPLETED,
    EventType.REFUND_PENDING: RefundStatus.PENDING,
    EventType.REFUND_FAILED: RefundStatus.FAILED,
}
DISPUTE_STATUSES = {
    EventType.DISPUTE_CREATED: DisputeStatus.OPEN,
    EventType.DISPUTE_UPDATED: DisputeStatus.UNDER_REVIEW,
    EventType.DISPUTE_RESOLVED: DisputeStatus.RESOLVED,
}


def resource_type(event_type: EventType) -> ResourceType:
    if event_type in CAPTURE_STATUSES:
        return ResourceType.CAPTURE
    if event_type in REFUND_STATUSES:
        return ResourceType.REFUND
    if event_type in AUTHORIZATION_STATUSES:
        return ResourceType.AUTHORIZATION
    return ResourceType.DISPUTE if event_type in DISPUTE_STATUSES else ResourceType.ORDER


class Samples:
    """Drawn for one request; nothing of it is remembered."""

    def __init__(self, request: PaypalRequest) -> None:
        self._world, self._now = request.world, request.change.now
        self._unit = Unit({"amount": AMOUNT.as_json()}, "default", AMOUNT)
        self._order = Order(
            id=self._world.new_id("mock"),
            intent=Intent.CAPTURE,
            units=[self._unit],
            created=self._now,
            updated=self._now,
            context=Context(ships=False),
            has_source=True,
            api_base=request.api_base,
            page_base=request.page_base,
            metadata={},
            open_until=self._now,
            payer=PAYER,
        )

    def resource(self, event_type: EventType) -> Json:
        if event_type in CAPTURE_STATUSES:
            return render_capture(self._capture(CAPTURE_STATUSES[event_type]))
        if event_type in REFUND_STATUSES:
            return render_refund(self._refund(REFUND_STATUSES[event_type]))
        if event_type in AUTHORIZATION_STATUSES:
            return render_authorization(self._authorization(AUTHORIZATION_STATUSES[event_type]))
        if event_type in DISPUTE_STATUSES:
            return render_dispute(self._dispute(DISPUTE_STATUSES[event_type]))
        if event_type is EventType.APPROVAL_REVERSED:
            return render_reversed(self._order)
        self._order.status = ORDER_STATUSES[event_type]
        return render_order(self._order)

    def _capture(self, status: CaptureStatus) -> Capture:
        return Capture(
            id=self._world.new_id("mock"),
            order=self._order,
            unit=self._unit,
            amount=AMOUNT,
            fee=FEE,
            created=self._now,
            updated=self._now,
            status=status,
            final=True,
            reason="PENDING_REVIEW" if status is CaptureStatus.PENDING else None,
        )

    def _refund(self, status: RefundStatus) -> Refund:
        return Refund(
            id=self._world.new_id("mock"),
            capture=self._capture(CaptureStatus.REFUNDED),
            amount=AMOUNT,
            created=self._now,
            updated=self._now,
            status=status,
            total_refunded=AMOUNT,
        )

    def _authorization(self, status: AuthorizationStatus) -> Authorization:
        return Authorization(
            id=self._world.new_id("mock"),
            order=self._order,
            unit=self._unit,
            amount=AMOUNT,
            created=self._now,
            updated=self._now,
            expires=self._now,
            status=status,
            funding=Funding.BALANCE,
        )

    def _dispute(self, status: DisputeStatus) -> Dispute:
        return Dispute(
            id="PP-D-000000001",
            capture=self._capture(CaptureStatus.COMPLETED),
            amount=AMOUNT,
            reason="OTHER",
            created=self._now,
            updated=self._now,
            status=status,
            outcome=DisputeOutcome.SELLER if status is DisputeStatus.RESOLVED else None,
        )
