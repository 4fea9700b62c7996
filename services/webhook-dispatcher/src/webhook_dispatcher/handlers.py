"""What a batch from Kafka does: events become deliveries, a configuration replaces the replica."""

from collections.abc import Sequence

import msgspec

from malipo.contracts.config import MerchantConfigured
from malipo.contracts.events import PaymentStepped, public_event
from malipo.contracts.message import Message
from malipo.messaging.subscription import Received
from malipo.messaging.unit import Unit
from webhook_dispatcher import store


async def fan_out(unit: Unit, batch: Sequence[Received[Message]]) -> None:
    """Keep the events that merchants are told and make their deliveries; those ahead of our replica wait for it."""
    events = [
        _event(received.message, received.headers)
        for received in batch
        if isinstance(received.message, PaymentStepped) and received.message.announcement is not None
    ]
    if not events:
        return
    merchant_ids = sorted({event.merchant_id for event in events})
    await store.hold_merchants(unit.connection, merchant_ids)
    await store.add_events(unit.connection, events)
    await store.fan_out(unit.connection, merchant_ids)


async def replicate(unit: Unit, batch: Sequence[Received[Message]]) -> None:
    """Let each merchant's newest configuration replace what is here, and make the deliveries that waited for it."""
    configured = [received.message for received in batch if isinstance(received.message, MerchantConfigured)]
    newest = {message.merchant_id: message for message in sorted(configured, key=lambda message: message.version)}
    replaced = await store.replicate(unit.connection, list(newest.values()))
    await store.fan_out(unit.connection, replaced)


def _event(step: PaymentStepped, headers: dict[str, str]) -> store.Event:
    assert step.announcement is not None
    return store.Event(
        event_id=step.announcement.id,
        merchant_id=step.merchant_id,
        mode=step.mode,
        payment_id=step.payment_id,
        type=step.announcement.type,
        sequence=step.announcement.sequence,
        config_version=step.config_version,
        headers=headers,
        body=msgspec.json.encode(public_event(step)),
        observed_at=step.cause.observed_at or step.occurred_at,
    )
