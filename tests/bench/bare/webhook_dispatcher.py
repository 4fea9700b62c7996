"""The bare dispatcher: one signed POST an event, and a report of it. It remembers deliveries for the benchmark."""

import os

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.bare.wire import Tasks, Wire, alive
from malipo import clock, ids
from malipo.contracts.deliveries import DeliveryReported
from malipo.contracts.events import PaymentTransitioned, event_body
from malipo.contracts.message import Message
from malipo.contracts.topics import DELIVERIES
from malipo.platform.client import http_client
from webhook_dispatcher import signature
from webhook_dispatcher.subscriptions import subscriptions

ATTEMPTS_AT_ONCE = 100
ENDPOINT = "wep_bare"


def build() -> Starlette:
    """The application."""
    wire = Wire("webhook-dispatcher")
    http, url, secret = http_client(timeout_seconds=15), os.environ["WEBHOOK_URL"], os.environ["WEBHOOK_SECRET"]
    attempts = Tasks(ATTEMPTS_AT_ONCE)
    delivered: dict[str, tuple[str, float]] = {}  # by event: the payment, and the Unix second of the merchant's 2xx

    async def deliver(transition: PaymentTransitioned, event_id: str) -> None:
        attempted_at, began, body = clock.now(), clock.monotonic(), msgspec.json.encode(event_body(transition))
        signed = signature.headers(secret, event_id, clock.unix_seconds(), body)
        answer = await http.post(url, headers={"content-type": "application/json", **signed}, content=body)
        took = clock.monotonic() - began
        if answer.is_success:
            delivered.setdefault(event_id, (transition.payment_id, attempted_at.timestamp() + took))
        report = DeliveryReported(
            delivery_id=ids.new("dlv"),
            endpoint_id=ENDPOINT,
            event_id=event_id,
            payment_id=transition.payment_id,
            merchant_id=transition.merchant_id,
            attempt=1,
            result="delivered" if answer.is_success else "exhausted",
            duration_ms=round(1000 * took),
            attempted_at=attempted_at,
            http_status=answer.status_code,
        )
        await wire.send(DELIVERIES, ENDPOINT, report)

    async def handle(message: Message) -> None:
        if isinstance(message, PaymentTransitioned) and message.public_event is not None:
            await attempts.add(deliver(message, message.public_event.id))

    async def show_delivered(_: Request) -> Response:
        return Response(msgspec.json.encode(list(delivered.values())), media_type="application/json")

    subscription, _ = subscriptions(lambda: None)  # there are no configurations to receive
    wire.on(subscription.name, subscription.topics, handle, pace_seconds=subscription.pace_seconds)
    return Starlette(routes=[Route("/health/live", alive), Route("/notified", show_delivered)], lifespan=wire.running)
