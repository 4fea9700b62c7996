"""What the dispatcher listens to."""

from collections.abc import Callable

from malipo.contracts.topics import MERCHANT_CONFIG, PAYMENT_EVENTS
from malipo.messaging.subscription import Subscription
from webhook_dispatcher import handlers


def subscriptions(nudge: Callable[[], None]) -> tuple[Subscription, ...]:
    """Events and configurations, each with its own consumer group; `nudge` is called after each commit."""
    return (
        Subscription("events", (PAYMENT_EVENTS,), handlers.fan_out, after_commit=nudge),
        Subscription("config", (MERCHANT_CONFIG,), handlers.replicate, after_commit=nudge),
    )
