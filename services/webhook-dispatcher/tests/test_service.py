"""The service as it is deployed: its own process, migrated by itself, between a real Kafka and a merchant's server."""

import asyncio
import json
from collections.abc import AsyncGenerator, Generator, Sequence

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from malipo import ids
from malipo.contracts.config import MerchantConfigured
from malipo.contracts.message import Message, encode
from malipo.contracts.topics import DELIVERIES, MERCHANT_CONFIG, PAYMENT_EVENTS, Topic
from malipo.messaging.unit_of_work import MESSAGE_ID
from malipo.platform.secrets import KeyRing
from malipo_local import Stack
from testkit.waiting import until

SERVICE = "webhook-dispatcher"
SETTINGS = {SERVICE: {"RETRY_SCHEDULE_SECONDS": "0.5,0.5,1,1,2,2,4,4,8,8"}}


@pytest.fixture(scope="module")
def stack(tmp_path_factory) -> Generator[Stack]:
    with Stack(home=tmp_path_factory.mktemp("stack"), only={SERVICE}, settings=SETTINGS) as running:
        yield running


@pytest.fixture
def key_ring(stack) -> KeyRing:
    return KeyRing.parse(stack.service_env(SERVICE)["KEY_RING"])


@pytest.fixture
async def kafka(stack) -> AsyncGenerator[AIOKafkaProducer]:
    async with AIOKafkaProducer(bootstrap_servers=stack.kafka) as producer:
        yield producer


async def send(kafka: AIOKafkaProducer, topic: Topic, key: str, messages: Sequence[Message]) -> None:
    for message in messages:
        headers = [(MESSAGE_ID, ids.new("msg").encode()), ("client-ref", b"order-7")]
        await kafka.send_and_wait(topic.name, encode(message), key=key.encode(), headers=headers)


async def configure(kafka, kit, key_ring, url) -> tuple[str, str]:
    merchant_id, endpoint_id = ids.new("mer"), ids.new("ep")
    endpoint = kit.endpoint(merchant_id, url, id=endpoint_id, key_ring=key_ring)
    configured = MerchantConfigured(merchant_id=merchant_id, version=1, endpoints=(endpoint,))
    await send(kafka, MERCHANT_CONFIG, merchant_id, [configured])
    return merchant_id, endpoint_id


async def reports(stack, endpoint_id: str, count: int) -> list[dict]:
    """The first `count` reports about an endpoint, read as the gateway would."""
    found = []
    async with AIOKafkaConsumer(
        DELIVERIES.name, bootstrap_servers=stack.kafka, auto_offset_reset="earliest"
    ) as consumer:
        while len(found) < count:
            record = await consumer.getone()
            if record.key == endpoint_id.encode():
                found.append(json.loads(record.value))
    return found


async def test_an_event_on_kafka_reaches_the_merchant_and_its_report_comes_back(stack, kafka, key_ring, receiver, kit):
    merchant_id, endpoint_id = await configure(kafka, kit, key_ring, f"{receiver.url}/")
    payment_id = ids.new("pay")
    transitions = [kit.transition(payment_id, sequence, merchant_id=merchant_id) for sequence in (1, 2, 3)]
    await send(kafka, PAYMENT_EVENTS, payment_id, transitions)
    found = await reports(stack, endpoint_id, 3)
    assert [hook.place for hook in receiver.hooks] == [(payment_id, 1), (payment_id, 2), (payment_id, 3)]
    assert [(report["event_id"], report["result"]) for report in found] == [
        (transition.public_event.id, "delivered") for transition in transitions
    ]
    page = await asyncio.to_thread(httpx.get, f"{stack.admin_url(SERVICE)}/metrics")
    assert 'malipo_webhook_attempts_total{result="delivered"}' in page.text


async def test_killed_in_the_middle_of_attempts_it_delivers_everything_in_order(stack, kafka, key_ring, receiver, kit):
    receiver.replies["/"] = [kit.hang]
    merchant_id, endpoint_id = await configure(kafka, kit, key_ring, f"{receiver.url}/")
    payments = [ids.new("pay") for _ in range(20)]
    for payment_id in payments:
        transitions = [kit.transition(payment_id, sequence, merchant_id=merchant_id) for sequence in (1, 2, 3)]
        await send(kafka, PAYMENT_EVENTS, payment_id, transitions)
    await until(lambda: len(receiver.hooks) >= 10, what="the cap is in flight")
    receiver.replies["/"] = [kit.status(200)]
    stack.kill(SERVICE)
    found = await reports(stack, endpoint_id, 60)
    assert {report["result"] for report in found} == {"delivered"}
    first_seen = list(dict.fromkeys(hook.place for hook in receiver.hooks))
    for payment_id in payments:
        assert [sequence for payment, sequence in first_seen if payment == payment_id] == [1, 2, 3]
