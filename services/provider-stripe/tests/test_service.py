"""The whole service on real stores: a command in from Kafka, money at Stripe, an outcome out, a webhook in."""

import asyncio
import base64
import json
from contextlib import asynccontextmanager

import httpx
import pytest
import stripe_samples as samples
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from malipo import clock, ids
from malipo.contracts.config import Credential, MerchantConfigured, secret_owner
from malipo.contracts.identity import charge_id
from malipo.contracts.message import encode
from malipo.contracts.outcomes import OutcomeReported, Succeeded
from malipo.contracts.topics import MERCHANT_CONFIG, OUTCOMES, PROVIDER_COMMANDS
from malipo.platform.client import http_client
from malipo.platform.secrets import KeyRing
from provider_stripe.main import build
from provider_stripe.settings import Settings
from testkit.operations import card, charge
from testkit.waiting import until

KEY = base64.b64encode(b"k" * 32).decode()


class World:
    """Talks to the service as the rest of Malipo does."""

    def __init__(self, producer: AIOKafkaProducer, consumer: AIOKafkaConsumer, http: httpx.AsyncClient) -> None:  # noqa: TID251
        self.producer = producer
        self.consumer = consumer
        self.http = http
        self.merchant_id = ids.new("mer")
        self.credential_id = ids.new("cred")

    async def send(self, topic, key: str, message) -> None:
        await self.producer.send_and_wait(topic.name, encode(message), key=key.encode())

    async def configure(self) -> None:
        owner = secret_owner(self.merchant_id, "test", self.credential_id)
        sealed = KeyRing.parse(f"k1:{KEY}").seal(json.dumps(samples.CREDENTIALS).encode(), owner=owner)
        credential = Credential(id=self.credential_id, provider="stripe", mode="test", ciphertext=sealed)
        configured = MerchantConfigured(merchant_id=self.merchant_id, version=1, credentials=(credential,))
        await self.send(MERCHANT_CONFIG, self.merchant_id, configured)

    async def outcome(self, payment_id: str) -> OutcomeReported:
        async with asyncio.timeout(20):
            async for record in self.consumer:
                report = OUTCOMES.decode(record.value)
                if isinstance(report, OutcomeReported) and report.payment_id == payment_id:
                    return report
        raise AssertionError


def settings_of(stores, database_url, simulator) -> Settings:
    return Settings(
        database_url=database_url,
        kafka_bootstrap=stores.kafka,
        key_ring=f"k1:{KEY}",
        environment="test",
        stripe_api_base=simulator.url,
    )


@asynccontextmanager
async def running(app):
    async with (
        app.router.lifespan_context(app),
        http_client(timeout_seconds=5, base_url="http://service.test", transport=httpx.ASGITransport(app)) as http,
    ):
        yield http


@pytest.fixture
async def world(stores, new_database, simulator):
    app = build(settings_of(stores, new_database("provider_stripe"), simulator))
    async with (
        AIOKafkaProducer(bootstrap_servers=stores.kafka) as producer,
        AIOKafkaConsumer(OUTCOMES.name, bootstrap_servers=stores.kafka, auto_offset_reset="earliest") as consumer,
        running(app) as http,
    ):

        async def ready() -> bool:
            return (await http.get("/health/ready")).status_code == 200

        await until(ready, seconds=30, what="readiness")
        yield World(producer, consumer, http)


async def test_a_charge_is_carried_out_once_and_its_webhook_agrees(world, simulator):
    await world.configure()
    payment_id = ids.new("pay")
    operation = charge(
        payment_id=payment_id,
        operation_id=charge_id(payment_id, 1),
        merchant_id=world.merchant_id,
        method=card("pm_card_visa"),
    )
    for _ in range(2):
        await world.send(PROVIDER_COMMANDS["stripe"], payment_id, operation)
    report = await world.outcome(payment_id)
    assert (type(report.outcome), report.source) == (Succeeded, "attempt")

    about = samples.intent(
        id=report.outcome.reference,
        metadata={"malipo_payment_id": payment_id, "malipo_operation_id": operation.operation_id},
    )
    callback = samples.signed(samples.event(about), samples.CREDENTIALS, clock.unix_seconds())
    address = f"/callbacks/stripe/{world.credential_id}"
    response = await world.http.post(address, content=callback.body, headers=dict(callback.headers))
    assert response.json() == {"result": "stored"}
    by_webhook = await world.outcome(payment_id)
    assert (by_webhook.outcome, by_webhook.source) == (report.outcome, "callback")

    async with http_client(timeout_seconds=5, base_url=simulator.url) as stripe:
        book = (await stripe.get("/_sim/book")).json()
    assert [(line["kind"], line["metadata"]["malipo_payment_id"]) for line in book["effects"]] == [
        ("charge", payment_id)
    ]


def test_a_secret_key_is_not_sent_in_the_clear_in_production():
    values = {"database_url": "postgresql://x", "kafka_bootstrap": "x:1", "key_ring": f"k1:{KEY}"}
    with pytest.raises(ValueError, match="must be https in production"):
        Settings(**values, stripe_api_base="http://api.stripe.com")
    assert Settings(**values).stripe_api_base == "https://api.stripe.com"
    assert Settings(**values, environment="local", stripe_api_base="http://127.0.0.1:1").stripe_timeout_seconds == 20
