"""Makes an event of what has happened, and sends it to every endpoint of its account. A follower of the world."""

from functools import partial

from malipo_simulators.bank.state.events import Happening
from malipo_simulators.bank.state.world import BankWorld
from malipo_simulators.bank.webhooks.endpoint import Endpoint
from malipo_simulators.bank.webhooks.event import Event, pack
from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.faults.scripted import AppliedFault, Subject
from malipo_simulators.kit.webhooks.sending import Message, Sending


def publish(world: BankWorld, happening: Happening) -> None:
    """It is kept also if nobody is told. One fault strikes all its deliveries."""
    event_id = world.new_id("evt")
    packed = pack(event_id, happening.type, happening.at, happening.resource)
    event = Event(event_id, happening.type, int(happening.at.timestamp()), happening.payment, packed)
    world.webhooks.events.append(event)
    endpoints = world.webhooks.of_account(happening.payment.debtor_account_id)
    if endpoints:
        fault = world.faults.for_webhook(happening.cause.fault, lambda: subject_of(happening))
        send(world, event, endpoints, happening.cause, fault)


def send(
    world: BankWorld, event: Event, endpoints: list[Endpoint], cause: Cause, fault: AppliedFault | None = None
) -> None:
    for endpoint in endpoints:
        event.told.add(endpoint.id)
        taken = partial(event.taken.add, endpoint.id)
        message = Message(event.id, event.body, event.payment.id, lambda: world.new_id("evt"), taken)
        Sending(message, endpoint.courier, world.timers, cause).send(fault)


def subject_of(happening: Happening) -> Subject:
    payment = happening.payment
    return Subject(
        method=happening.cause.method,
        path=happening.cause.path,
        account=payment.debtor_account_id,
        metadata=payment.metadata,
        amount=payment.amount,
        event_type=happening.type,
    )
