"""The bare orchestrator: the same decisions by the same state table, on payments that it has in memory."""

from functools import partial

from starlette.applications import Starlette
from starlette.routing import Route

from bench.bare.wire import Wire, alive
from malipo import clock
from malipo.contracts.commands import CreatePayment
from malipo.contracts.events import PaymentTransitioned
from malipo.contracts.message import Message
from malipo.contracts.outcomes import OutcomeReported
from malipo.contracts.topics import PAYMENT_EVENTS, PROVIDER_COMMANDS
from orchestrator.advance import Fold
from orchestrator.handlers import new_payment
from orchestrator.payment import Payment
from orchestrator.subscriptions import subscriptions


def build() -> Starlette:
    """The application."""
    wire = Wire("orchestrator")
    [subscription] = subscriptions()
    wire.on(subscription.name, subscription.topics, partial(_handle, wire, {}), pace_seconds=subscription.pace_seconds)
    return Starlette(routes=[Route("/health/live", alive)], lifespan=wire.running)


async def _handle(wire: Wire, payments: dict[str, Payment], message: Message) -> None:
    match message:
        case CreatePayment():
            payment = payments[message.payment_id] = new_payment(message, {}, clock.now())
            payment.provider = "stripe"
            fold = Fold(payment, clock.now(), "merchant", payment.id)
            fold.dispatch()
        case OutcomeReported(payment_id=payment_id) if payment_id in payments:
            fold = Fold(payments.pop(payment_id), clock.now(), message.source, payment_id)
            fold.apply_outcome(message)
        case _:  # the callback of a payment that has ended
            return
    for sent in fold.messages:
        topic = PAYMENT_EVENTS if isinstance(sent, PaymentTransitioned) else PROVIDER_COMMANDS["stripe"]
        await wire.send(topic, fold.payment.id, sent)
