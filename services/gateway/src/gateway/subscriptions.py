"""Everything the gateway hears from other services."""

from gateway.handlers import Projection, add_to_timelines
from gateway.waiting import Waiting
from malipo.contracts.topics import DELIVERIES, OUTCOMES, PAYMENT_EVENTS
from malipo.messaging.subscription import Subscription


def subscriptions(waiting: Waiting) -> tuple[Subscription, ...]:
    """What is consumed, and who applies it."""
    projection = Projection(waiting)
    return (
        Subscription("payments", (PAYMENT_EVENTS, OUTCOMES), projection.project, after_commit=waiting.wake_noted),
        Subscription("deliveries", (DELIVERIES,), add_to_timelines),
    )
