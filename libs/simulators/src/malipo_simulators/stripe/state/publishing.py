"""Stores an event and sends it to every endpoint that wants it."""

from typing import Protocol

from malipo_simulators.kit.api.answers import encode
from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.faults.scripted import Subject
from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.webhooks.sending import Message, Sending
from malipo_simulators.stripe.state.account import Account
from malipo_simulators.stripe.state.world import StripeWorld
from malipo_simulators.stripe.webhooks.event import Event, EventData, envelope, pack


class Subjected(Protocol):
    """What rules match by its metadata, and what keeps its events in order."""

    @property
    def id(self) -> str: ...
    @property
    def metadata(self) -> dict[str, str]: ...


def publish(world: StripeWorld, account: Account, cause: Cause, data: EventData, about: Subjected) -> None:
    """One event for all endpoints; one fault strikes the deliveries to all of them."""
    endpoints = [endpoint for endpoint in account.endpoints if endpoint.wants(data.type)]
    event_id, now = world.mint("evt"), world.clock.now()
    request: Json = {"id": cause.request_id, "idempotency_key": cause.idempotency_key}
    body = encode(envelope(event_id, now, data, request=request, pending=len(endpoints)))
    event = Event(event_id, data.type, now, pack(body), len(endpoints))
    account.events.append(event)
    if not endpoints:
        return
    fault = world.faults.for_webhook(cause.fault, lambda: subject_of(account, cause, data, about))
    message = Message(event_id, body, about.id, lambda: world.mint("evt"), event.delivered)
    for endpoint in endpoints:
        Sending(message, endpoint.courier, world.timers, cause).send(fault)


def subject_of(account: Account, cause: Cause, data: EventData, about: Subjected) -> Subject:
    amount = data.object.get("amount")
    return Subject(
        method=cause.method,
        path=cause.path,
        account=account.id,
        metadata=about.metadata,
        amount=amount if isinstance(amount, int) else None,
        event_type=data.type,
    )
