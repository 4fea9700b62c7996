"""What the dispatcher listens to."""

from collections.abc import Callable

from malipo.contracts.topics import MERCHANT_CONFIG, PAYMENT_EVENTS
from malipo.messaging.subscription import Subscription
from webhook_dispatcher import handlers


def subscriptions(nudge: Callable[[], None]) -> tuple[Subscription, ...]:
    """Events and configurations, each with its own consumer group; `nudge` is called after each commit."""
    return (
        Subscription("events", (PAYMENT_EVENTS,), handlers.announce, after_commit=nudge),
        Subscription("configuration", (MERCHANT_CONFIG,), handlers.configure, after_commit=nudge),
    )
