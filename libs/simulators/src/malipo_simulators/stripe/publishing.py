"""Stores an event and sends it to every endpoint that wants it, straight or through a webhook fault."""

import asyncio
from dataclasses import dataclass

from malipo_simulators.stripe.account import Account
from malipo_simulators.stripe.answers import encode
from malipo_simulators.stripe.courier import Delivery
from malipo_simulators.stripe.endpoint import Endpoint, Held
from malipo_simulators.stripe.events import Event, Happening, envelope, pack
from malipo_simulators.stripe.fault_rules import WEBHOOK_FAULTS, Fault
from malipo_simulators.stripe.faults import Applied, Subject
from malipo_simulators.stripe.models import PaymentIntent
from malipo_simulators.stripe.shapes import Json
from malipo_simulators.stripe.world import Cause, World

WRONG_SECRET = "whsec_thisIsNotTheSecretOfAnyEndpoint"  # noqa: S105 (made to be wrong)


def publish(world: World, account: Account, cause: Cause, happening: Happening, intent: PaymentIntent) -> None:
    endpoints = [endpoint for endpoint in account.endpoints if endpoint.wants(happening.type)]
    event_id, now = world.ids.mint("evt"), world.clock.now()
    request: Json = {"id": cause.request_id, "idempotency_key": cause.idempotency_key}
    body = encode(envelope(event_id, now, happening, request=request, pending=len(endpoints)))
    event = Event(event_id, happening.type, now, pack(body), len(endpoints))
    account.events.append(event)
    if endpoints:
        fault = webhook_fault(world, account, cause, happening, intent)
        for endpoint in endpoints:
            Dispatch(world, endpoint, cause, Parcel(event, body, intent.id)).send(fault)


def webhook_fault(
    world: World, account: Account, cause: Cause, happening: Happening, intent: PaymentIntent
) -> Applied | None:
    if cause.fault is not None and cause.fault.fault in WEBHOOK_FAULTS:
        return cause.fault
    if not world.faults.watches_webhooks:
        return None
    amount = happening.drawn.get("amount")
    subject = Subject(
        method=cause.method,
        path=cause.path,
        account=account.id,
        metadata=intent.metadata,
        amount=amount if isinstance(amount, int) else None,
        event_type=happening.type,
    )
    return world.faults.for_webhook(subject)


@dataclass(frozen=True, slots=True)
class Parcel:
    """An event ready to go, and the PaymentIntent it is about."""

    event: Event
    body: bytes
    about: str


class Dispatch:
    """One event for one endpoint."""

    def __init__(self, world: World, endpoint: Endpoint, cause: Cause, parcel: Parcel) -> None:
        self._settings = world.settings
        self._world = world
        self._endpoint = endpoint
        self._cause = cause
        self._event = parcel.event
        self._about = parcel.about
        self._body = parcel.body

    def send(self, fault: Applied | None) -> None:
        delivery = self._delivery()
        if fault is None:
            self._post(delivery)
            return
        match fault.fault:
            case Fault.WEBHOOK_DROP:
                return
            case Fault.WEBHOOK_LATE:
                self._post(delivery, fault.delay_seconds)
            case Fault.WEBHOOK_REORDER:
                self._hold(delivery, fault.delay_seconds)
            case Fault.WEBHOOK_STALE:
                delivery.stale_first = True
                self._post(delivery)
            case Fault.WEBHOOK_DUPLICATE:
                self._post(delivery)
                self._post(Delivery(self._event.id, self._body))
            case Fault.WEBHOOK_FORGED:
                self._post(self._forgery())
                self._post(delivery)
            case _:
                self._post(delivery)

    def _delivery(self) -> Delivery:
        return Delivery(self._event.id, self._body, on_done=self._event.delivered)

    @property
    def _answer_waits(self) -> bool:
        return self._cause.fault is not None and self._cause.fault.fault is Fault.WEBHOOK_BEFORE_ANSWER

    def _post(self, delivery: Delivery, extra_seconds: float = 0) -> None:
        """What was held back for the same payment follows right behind."""
        held = self._endpoint.held.pop(self._about, None)
        if held is not None:
            delivery.then = held.release()
        if not self._answer_waits:
            self._endpoint.courier.send(delivery, self._settings.webhook_delay_seconds + extra_seconds)
            return
        delivery.first_attempt = asyncio.Event()
        if self._endpoint.courier.send(delivery, extra_seconds):
            self._cause.deliveries.append(delivery)

    def _hold(self, delivery: Delivery, at_most_seconds: float) -> None:
        """Keep it until the next event of this payment has gone first, but not for ever."""
        if self._about in self._endpoint.held:
            self._post(delivery)
            return
        held = self._endpoint.held[self._about] = Held(delivery)
        self._world.later(at_most_seconds, lambda: self._let_go(held))

    def _let_go(self, held: Held) -> None:
        if held.waiting:
            self._endpoint.held.pop(self._about, None)
            self._endpoint.courier.send(held.release(), 0)

    def _forgery(self) -> Delivery:
        """The same claim under another id, signed by somebody who does not know the secret."""
        fake_id = self._world.ids.mint("evt")
        body = self._body.replace(self._event.id.encode(), fake_id.encode())
        return Delivery(fake_id, body, secrets=(WRONG_SECRET,), once=True)
