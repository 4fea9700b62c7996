"""What became of each webhook attempt: dispatcher to gateway, keyed by endpoint id."""

from typing import Literal

from malipo.contracts.message import Message, Moment

DeliveryResult = Literal["delivered", "retrying", "exhausted", "endpoint_gone"]


class DeliveryReported(Message, frozen=True, kw_only=True):
    """One attempt to deliver one event to one endpoint. `duration_ms` is the time to the response's end.

    From `later_events_wait_until` on, later events of the payment go out although this one is still to be delivered.
    """

    delivery_id: str
    endpoint_id: str
    event_id: str
    payment_id: str
    merchant_id: str
    attempt: int
    result: DeliveryResult
    duration_ms: int
    attempted_at: Moment
    http_status: int | None = None
    error: str | None = None
    next_attempt_at: Moment | None = None
    later_events_wait_until: Moment | None = None
