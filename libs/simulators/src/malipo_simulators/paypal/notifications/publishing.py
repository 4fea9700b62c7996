"""Makes an event of what has happened, and sends it to every webhook that wants it. A follower of the world."""

from dataclasses import dataclass
from decimal import Decimal

from malipo_simulators.kit.api.answers import encode
from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.faults.rules import Fault
from malipo_simulators.kit.faults.scripted import AppliedFault, Subject
from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.webhooks.sending import Message, Sending
from malipo_simulators.paypal.objects.times import written_to_the_millisecond
from malipo_simulators.paypal.objects.values import inner
from malipo_simulators.paypal.state.events import EventType, Happening, ResourceType
from malipo_simulators.paypal.state.world import PaypalWorld
from malipo_simulators.paypal.webhooks.models import Event, Transmission, Webhook, event_links, pack
from malipo_simulators.paypal.webhooks.signing import transmission_name

SUMMARIES: dict[EventType, str] = {
    EventType.ORDER_APPROVED: "An order has been approved by buyer",
    EventType.ORDER_COMPLETED: "Checkout Order Completed",
    EventType.APPROVAL_REVERSED: "A payment has been reversed after approval.",
    EventType.AUTHORIZATION_CREATED: "A payment authorization is created for {money}",
    EventType.AUTHORIZATION_VOIDED: "A payment authorization was voided",
    EventType.CAPTURE_COMPLETED: "Payment completed for {money}",
    EventType.CAPTURE_PENDING: "Payment pending for {money}",
    EventType.CAPTURE_DECLINED: "A {money} capture payment was declined",
    EventType.CAPTURE_DENIED: "A {money} capture payment was denied",
    EventType.CAPTURE_REFUNDED: "A {money} capture payment was refunded",
    EventType.CAPTURE_REVERSED: "A {money} capture payment was reversed",
    EventType.REFUND_PENDING: "A {money} refund is pending",
    EventType.REFUND_FAILED: "A {money} refund has failed",
    EventType.DISPUTE_CREATED: "A new dispute opened with Case # {id}",
    EventType.DISPUTE_UPDATED: "Case # {id} was updated",
    EventType.DISPUTE_RESOLVED: "Case # {id} was resolved",
}
ID_FIELDS = {ResourceType.DISPUTE: "dispute_id"}
# No version of disputes' events is written in PayPal's samples.
VERSIONS = {ResourceType.DISPUTE: "1.0"}


@dataclass(frozen=True, slots=True)
class Told:
    """What an event tells: `at` in Unix seconds, by the simulator's clock."""

    type: EventType
    resource_type: ResourceType
    resource: Json
    at: int


def publish(world: PaypalWorld, happening: Happening) -> None:
    """Send it to whoever wants it: nobody else's event is kept. One fault strikes all its deliveries."""
    account = happening.account
    webhooks = [webhook for webhook in account.webhooks if webhook.wants(happening.type)]
    if not webhooks:
        return
    event_id = world.new_event_id()
    told = Told(happening.type, happening.resource_type, happening.resource, happening.at)
    body = envelope(event_id, told, webhooks[0].api_base)
    event = Event(event_id, told.type, told.at, pack(body), transaction_in(happening), happening.order.id)
    account.events.append(event)
    fault = world.faults.for_webhook(happening.cause.fault, lambda: subject_of(happening))
    for webhook in webhooks:
        send(world, event, webhook, happening.cause, fault)


def send(world: PaypalWorld, event: Event, webhook: Webhook, cause: Cause, fault: AppliedFault | None) -> None:
    """One more transmission of it. What is dropped was taken, as far as PayPal knows."""
    number = len(event.transmissions)
    most = 1 + len(world.settings.webhook_retry_seconds)
    name = transmission_name(webhook.id, event.id, number)
    transmission = Transmission(name, webhook.id, webhook.url, most)
    transmission.taken = fault is not None and fault.fault == Fault.WEBHOOK_DROP
    event.transmissions.append(transmission)
    message = Message(event.id, event.body, event.about, world.new_event_id, transmission.take, webhook.url)
    Sending(message, webhook.courier, world.timers, cause).send(fault)


def envelope(event_id: str, told: Told, api_base: str) -> bytes:
    body: Json = {
        "id": event_id,
        "event_version": "1.0",
        "create_time": written_to_the_millisecond(told.at),
        "resource_type": told.resource_type,
        "resource_version": VERSIONS.get(told.resource_type, "2.0"),
        "event_type": told.type,
        "summary": summary(told),
        "resource": told.resource,
        "links": event_links(api_base, event_id),
    }
    return encode(body)


def summary(told: Told) -> str:
    amount = inner(told.resource, "amount")
    return SUMMARIES[told.type].format(id=told.resource.get("dispute_id"), money=money_in_words(amount))


def money_in_words(amount: Json) -> str:
    """As PayPal has it: `$ 10.0 USD`, and `GBP 449.24 GBP`."""
    currency, value = str(amount.get("currency_code", "")), str(amount.get("value", "0"))
    shortest = f"{Decimal(value).normalize():f}"
    return f"{'$' if currency == 'USD' else currency} {shortest if '.' in shortest else f'{shortest}.0'} {currency}"


def transaction_in(happening: Happening) -> str:
    """The id of what it is about."""
    name = ID_FIELDS.get(happening.resource_type, "id")
    return str(happening.resource.get(name, happening.order.id))


def subject_of(happening: Happening) -> Subject:
    return Subject(
        method=happening.cause.method,
        path=happening.cause.path,
        account=happening.account.id,
        metadata=happening.order.metadata,
        amount=happening.order.amount.minor,
        event_type=happening.type,
    )
