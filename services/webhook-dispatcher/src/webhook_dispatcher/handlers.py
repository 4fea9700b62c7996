"""What a batch from Kafka does: events become deliveries, roll calls requests to resend; a configuration is kept."""

from collections.abc import Callable, Sequence

import msgspec

from malipo.contracts.config import MerchantConfigured
from malipo.contracts.events import PaymentTransitioned, RollCalled, event_body
from malipo.contracts.message import Message
from malipo.messaging import rollcall
from malipo.messaging.subscription import Received
from malipo.messaging.unit_of_work import UnitOfWork
from webhook_dispatcher import store

CONSUMER = "webhook-dispatcher.events"
"""The consumer's name in the inbox for what was fanned out."""


def is_wanted(message: Message) -> bool:
    """Whether it is a public event, or a roll call of these: nothing else matters here."""
    return isinstance(message, RollCalled) or (
        isinstance(message, PaymentTransitioned) and message.public_event is not None
    )


async def fan_out(nudge: Callable[[], None], unit: UnitOfWork, batch: Sequence[Received[Message]]) -> None:
    """Keep public events and make their deliveries; those ahead of our configuration replica wait for it. Request those
    that are missing by a roll call.

    `nudge` is called after the commit when any delivery became due.
    """
    transitions = [(one.message, one.headers) for one in batch if isinstance(one.message, PaymentTransitioned)]
    store.add_events(unit, [_event(*one) for one in transitions], nudge)
    await rollcall.answer(unit, CONSUMER, batch, wanted=lambda published: published.public)


async def replicate(nudge: Callable[[], None], unit: UnitOfWork, batch: Sequence[Received[Message]]) -> None:
    """Replace each merchant's configuration by its newest one, and make the deliveries that waited for it.

    `nudge` is called after the commit when any delivery became due.
    """
    configured = [received.message for received in batch if isinstance(received.message, MerchantConfigured)]
    newest = {message.merchant_id: message for message in sorted(configured, key=lambda message: message.version)}
    replaced = await store.replicate(unit.transaction, list(newest.values()))
    if await store.fan_out_waiting(unit.transaction, replaced):
        unit.after_commit(nudge)


def _event(transition: PaymentTransitioned, headers: dict[str, str]) -> store.Event:
    assert transition.public_event is not None
    return store.Event(
        event_id=transition.public_event.id,
        merchant_id=transition.merchant_id,
        mode=transition.mode,
        payment_id=transition.payment_id,
        type=transition.public_event.type,
        sequence=transition.public_event.sequence,
        config_version=transition.config_version,
        headers=headers,
        body=msgspec.json.encode(event_body(transition)),
        observed_at=transition.cause.observed_at or transition.occurred_at,
    )
