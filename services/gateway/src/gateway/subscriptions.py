"""Everything the gateway consumes from other services."""

from functools import partial

from gateway.edge.waiting import Waiting
from gateway.projections import add_to_timelines, project, project_accounts
from malipo.contracts.topics import DELIVERIES, MOVEMENTS, OUTCOMES, PAYMENT_EVENTS, PROVIDER_ACCOUNTS
from malipo.messaging.subscription import Subscription

_PAYMENTS_PACE_SECONDS = 0.02
_TIMELINES_GATHER_SECONDS = 0.5  # no request waits for them, and a second later they have to be complete


def subscriptions(waiting: Waiting) -> tuple[Subscription, ...]:
    """What is consumed, and which function applies it."""
    return (
        Subscription("payments", (PAYMENT_EVENTS,), partial(project, waiting), pace_seconds=_PAYMENTS_PACE_SECONDS),
        Subscription("timelines", (OUTCOMES, DELIVERIES), add_to_timelines, gather_seconds=_TIMELINES_GATHER_SECONDS),
        Subscription("accounts", (PROVIDER_ACCOUNTS, MOVEMENTS), project_accounts),
    )
