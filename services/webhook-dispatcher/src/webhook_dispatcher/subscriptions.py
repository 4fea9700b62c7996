"""What the dispatcher consumes."""

from collections.abc import Callable
from functools import partial

from malipo.contracts.topics import MERCHANT_CONFIG, PAYMENT_EVENTS
from malipo.messaging.subscription import Subscription
from webhook_dispatcher import handlers


def subscriptions(nudge: Callable[[], None]) -> tuple[Subscription, ...]:
    """Events and configurations, each with its own consumer group; `nudge` is called after commits that made any due."""
    return (
        Subscription(
            "events",
            (PAYMENT_EVENTS,),
            partial(handlers.fan_out, nudge),
            wants=handlers.is_wanted,
            pace_seconds=0.01,
        ),
        Subscription("config", (MERCHANT_CONFIG,), partial(handlers.replicate, nudge)),
    )
