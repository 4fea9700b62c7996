"""What the orchestrator consumes."""

from malipo.contracts.topics import OUTCOMES, PAYMENT_COMMANDS
from malipo.messaging.subscription import Subscription
from orchestrator import handlers

# One subscription for both, so that a batch holds all that is known of its payments.
SUBSCRIPTIONS = (
    Subscription("payments", (PAYMENT_COMMANDS, OUTCOMES), handlers.handle_batch, wants=handlers.concerns_a_payment),
)
