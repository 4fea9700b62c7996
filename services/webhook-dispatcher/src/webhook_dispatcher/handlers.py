"""What a batch from Kafka does: events become deliveries, roll calls questions, a configuration replaces the replica."""

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
"""Under which name the inbox knows what was fanned out."""


def is_wanted(message: Message) -> bool:
    """Whether merchants are told of it, or it says what they should have been told: all else is of no concern here."""
    return isinstance(message, RollCalled) or (
        isinstance(message, PaymentTransitioned) and message.public_event is not None
    )


async def fan_out(nudge: Callable[[], None], unit: UnitOfWork, batch: Sequence[Received[Message]]) -> None:
    """Keep announced events and make their deliveries; those ahead of our replica wait for it. Ask for those that are
    missing by a roll call.

    `nudge` is called after the commit when any delivery became due.
    """
    steps = [(one.message, one.headers) for one in batch if isinstance(one.message, PaymentTransitioned)]
    if steps and await store.add_events(unit.transaction, [_event(step, headers) for step, headers in steps]):
        unit.after_commit(nudge)
    await rollcall.answer(unit, CONSUMER, batch, wanted=lambda step: step.public)


async def replicate(nudge: Callable[[], None], unit: UnitOfWork, batch: Sequence[Received[Message]]) -> None:
    """Let each merchant's newest configuration replace what is here, and make the deliveries that waited for it.

    `nudge` is called after the commit when any delivery became due.
    """
    configured = [received.message for received in batch if isinstance(received.message, MerchantConfigured)]
    newest = {message.merchant_id: message for message in sorted(configured, key=lambda message: message.version)}
    replaced = await store.replicate(unit.transaction, list(newest.values()))
    if await store.fan_out(unit.transaction, replaced):
        unit.after_commit(nudge)


def _event(step: PaymentTransitioned, headers: dict[str, str]) -> store.Event:
    assert step.public_event is not None
    return store.Event(
        event_id=step.public_event.id,
        merchant_id=step.merchant_id,
        mode=step.mode,
        payment_id=step.payment_id,
        type=step.public_event.type,
        sequence=step.public_event.sequence,
        config_version=step.config_version,
        headers=headers,
        body=msgspec.json.encode(event_body(step)),
        observed_at=step.cause.observed_at or step.occurred_at,
    )
