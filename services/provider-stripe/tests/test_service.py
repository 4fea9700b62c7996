"""The whole service on real stores: a command in from Kafka, money at Stripe, an outcome out, a webhook in."""

import asyncio

import pytest
import stripe_samples as samples
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from malipo import clock, ids
from malipo.contracts.identity import charge_id
from malipo.contracts.outcomes import ActionRequired, Authorized, OutcomeReported, Succeeded
from malipo.contracts.topics import MOVEMENTS, OUTCOMES
from malipo.platform.client import http_client
from provider_stripe.main import build
from provider_stripe.settings import Settings
from testkit import in_production
from testkit.operations import card, charge
from testkit.service import KEY_RING, ServiceWorld, running


def settings_of(stores, database_url, simulator) -> Settings:
    return Settings(
        database_url=database_url,
        kafka_bootstrap=stores.kafka,
        key_ring=KEY_RING,
        environment="test",
        stripe_api_base=simulator.url,
        stripe_statement_seconds=1,
    )


@pytest.fixture
async def world(stores, new_database, simulator):
    app = build(settings_of(stores, new_database("provider_stripe"), simulator))
    async with (
        AIOKafkaProducer(bootstrap_servers=stores.kafka) as producer,
        AIOKafkaConsumer(OUTCOMES.name, bootstrap_servers=stores.kafka, auto_offset_reset="earliest") as consumer,
        running(app) as http,
        http_client(timeout_seconds=5, base_url=simulator.url) as stripe,
    ):
        found = ServiceWorld(provider="stripe", producer=producer, consumer=consumer, http=http, simulator=stripe)
        listening = asyncio.create_task(found.listen())
        yield found
        listening.cancel()


async def test_a_charge_is_carried_out_once_and_of_its_webhooks_those_are_told_that_say_more(world):
    credential_id = ids.new("cred")
    await world.set_up(credential_id, samples.CREDENTIALS)
    payment_id = ids.new("pay")
    charged = charge(
        payment_id=payment_id, operation_id=charge_id(payment_id, 1), method=card("pm_card_visa"), capture="manual"
    )
    operation = await world.command(charged)

    def about_it() -> list[OutcomeReported]:
        return [one for one in world.reported if one.payment_id == payment_id]

    held = await world.outcome(operation, Authorized)
    assert [(type(one.outcome), one.source) for one in about_it()] == [(Authorized, "attempt")]

    tags = {"malipo_payment_id": payment_id, "malipo_operation_id": operation.operation_id}
    for status in ("requires_capture", "succeeded"):  # the first one repeats the answer
        about = samples.intent(status, id=held.reference, metadata=tags)
        event = samples.event(about, event_id=ids.new("evt"))
        callback = samples.signed(event, samples.CREDENTIALS, clock.unix_seconds())
        address = f"/callbacks/stripe/{credential_id}"
        response = await world.http.post(address, content=callback.body, headers=dict(callback.headers))
        assert response.json() == {"result": "stored"}
    paid = await world.outcome(operation, Succeeded, "callback")
    assert (paid.amount, paid.reference) == (held.amount, held.reference)
    assert [(type(one.outcome), one.source) for one in about_it()] == [(Authorized, "attempt"), (Succeeded, "callback")]

    book = (await world.simulator.get("/_sim/book")).json()
    assert [(line["kind"], line["metadata"]["malipo_payment_id"]) for line in book["effects"]] == [
        ("authorize", payment_id)
    ]


async def test_what_no_webhook_has_brought_is_found_in_the_events_and_told_once(world):
    """There is no endpoint at Stripe: no webhook ever comes."""
    await world.set_up(ids.new("cred"), samples.CREDENTIALS | {"secret_key": f"sk_test_{ids.token(8)}"})
    payment_id = ids.new("pay")
    charged = charge(
        payment_id=payment_id, operation_id=charge_id(payment_id, 1), method=card("pm_card_threeDSecure2Required"),
        return_url="https://shop.example/back",
    )  # fmt: skip
    operation = await world.command(charged)
    asked = await world.outcome(operation, ActionRequired)
    (await world.simulator.post(f"/_sim/3ds/{asked.reference}/approve", json={})).raise_for_status()
    paid = await world.outcome(operation, Succeeded, "reconciliation")
    assert paid.reference == asked.reference
    ends = [one for one in world.reported if one.payment_id == payment_id and isinstance(one.outcome, Succeeded)]
    assert len(ends) == 1


async def test_what_stripe_has_kept_of_a_charge_is_told_with_its_payment(world, stores):
    await world.set_up(ids.new("cred"), samples.CREDENTIALS | {"secret_key": f"sk_test_{ids.token(8)}"})
    payment_id = ids.new("pay")
    charged = charge(payment_id=payment_id, operation_id=charge_id(payment_id, 1), method=card("pm_card_visa"))
    async with AIOKafkaConsumer(
        MOVEMENTS.name, bootstrap_servers=stores.kafka, auto_offset_reset="earliest"
    ) as consumer:
        operation = await world.command(charged)
        await world.outcome(operation, Succeeded)
        async for record in consumer:
            report = MOVEMENTS.decode(record.value)
            if report.merchant_id == world.merchant_id:
                break
    (moved,) = report.movements
    assert (moved.payment_id, moved.amount, moved.fee, moved.net) == (payment_id, 1000, 59, 941)


def test_a_secret_key_is_not_sent_in_the_clear_in_production():
    values = in_production.SETTINGS
    with pytest.raises(ValueError, match="must be https in production"):
        Settings(**values, stripe_api_base="http://api.stripe.com")
    assert Settings(**values).stripe_api_base == "https://api.stripe.com"
    assert Settings(**values, environment="local", stripe_api_base="http://127.0.0.1:1").stripe_timeout_seconds == 20
