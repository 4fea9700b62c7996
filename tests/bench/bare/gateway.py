"""The bare gateway: accepts a payment, sends its command, and receives what became of it."""

import msgspec
from fastapi import FastAPI
from redis.asyncio import Redis
from starlette.responses import Response

from bench.bare.wire import Wire, alive
from gateway.edge.redis_presence import RedisPresence
from gateway.edge.waiting import Waiting
from gateway.payments.personal import sealed
from gateway.payments.schemas import NewPayment
from gateway.payments.views import create_command, first_payment
from gateway.subscriptions import subscriptions
from malipo import clock
from malipo.contracts.message import Message
from malipo.contracts.providers import METHODS
from malipo.contracts.topics import PAYMENT_COMMANDS
from malipo.platform.secrets import KeyRing

_CARD = METHODS["card"]["stripe"]
NOBODYS_KEYS = KeyRing({"bare": bytes(32)})


def build() -> FastAPI:
    """The application."""
    wire = Wire("gateway")
    nobody_waits = Waiting(Redis(), Redis(), limit=0, presence=RedisPresence())  # never used, so neither is Redis
    for subscription in subscriptions(nobody_waits):
        wire.on(subscription.name, subscription.topics, _receive, pace_seconds=subscription.pace_seconds)
    app = FastAPI(lifespan=wire.running)

    @app.post("/v1/payments")
    async def create_payment(body: NewPayment) -> Response:
        now = clock.now()
        payment = first_payment(body, now, now + _CARD.life, _CARD, None)
        method = sealed(payment.id, body.method, NOBODYS_KEYS).method
        command = create_command(
            payment,
            body,
            method,
            merchant_id="mer_bare",
            mode="test",
            config_version=1,
            late_payments="keep",
            configured=("stripe",),
        )
        await (await wire.send(PAYMENT_COMMANDS, payment.id, command))
        return Response(msgspec.json.encode(payment), 202, media_type="application/json")

    app.add_route("/health/live", alive)
    return app


async def _receive(_: Message) -> None:
    """Nothing is kept."""
