"""What the orchestrator consumes."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from malipo.contracts.topics import OUTCOMES, PAYMENT_COMMANDS
from malipo.messaging.subscription import Subscription
from orchestrator import handlers


def subscriptions(restored_at: datetime | None = None) -> Sequence[Subscription]:
    """One for both topics, so that a batch holds all that is known of its payments."""
    handle = partial(handlers.handle_batch, restored_at=restored_at)
    return (Subscription("payments", (PAYMENT_COMMANDS, OUTCOMES), handle, wants=handlers.concerns_a_payment),)
