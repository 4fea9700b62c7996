"""Through real Kafka: commands leave, steps come back, waiting requests are woken."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from malipo import clock, ids
from malipo.contracts.commands import CreatePayment
from malipo.contracts.deliveries import DeliveryReported
from malipo.contracts.message import Message, encode
from malipo.contracts.topics import DELIVERIES, MERCHANT_CONFIG, PAYMENT_COMMANDS, PAYMENT_EVENTS, Topic
from malipo.messaging.unit_of_work import MESSAGE_ID
from testkit.waiting import until

Publish = Callable[[Topic, str, Message], Awaitable[None]]


@pytest.fixture
async def commands(stores):
    async with AIOKafkaConsumer(
        PAYMENT_COMMANDS.name, bootstrap_servers=stores.kafka, auto_offset_reset="latest", group_id=None
    ) as consumer:
        yield consumer


@pytest.fixture
async def publish(stores):
    async with AIOKafkaProducer(bootstrap_servers=stores.kafka) as producer:

        async def twice(topic: Topic, key: str, message: Message) -> None:
            header = (MESSAGE_ID, ids.new("msg").encode())
            for _ in range(2):  # Kafka may bring everything twice
                await producer.send_and_wait(topic.name, encode(message), key=key.encode(), headers=[header])

        yield twice


async def consuming(replica, stores, publish):
    """A gateway that consumes: one that stops while it joins its groups leaves connections behind."""
    gateway = await replica(kafka_bootstrap=stores.kafka)
    attempt = DeliveryReported(
        delivery_id=ids.new("del"), endpoint_id="ep_1", event_id="evt_1", payment_id="pay_1", merchant_id="mer_1",
        attempt=1, result="delivered", duration_ms=1, attempted_at=clock.now(),
    )  # fmt: skip
    await publish(DELIVERIES, "ep_1", attempt)
    await until(lambda: gateway.count("timeline"), seconds=30, what="a webhook attempt")
    return gateway


async def next_create(commands) -> tuple[CreatePayment, dict[str, str]]:
    record = await asyncio.wait_for(commands.getone(), 20)
    message = PAYMENT_COMMANDS.decode(record.value)
    assert isinstance(message, CreatePayment)
    assert record.key.decode() == message.payment_id
    return message, {name: value.decode() for name, value in record.headers}


async def test_a_payment_goes_out_and_its_answer_comes_back_into_the_waiting_request(
    replica, stores, commands, publish, make
):
    merchant = await (await consuming(replica, stores, publish)).merchant()
    waiting = asyncio.create_task(merchant.pay(make.payment | {"client_ref": "order ü 7"}, Prefer="wait=10"))
    command, headers = await next_create(commands)
    assert headers["client-ref"] == "order ü 7"
    shown = (await merchant.get(f"/v1/payments/{command.payment_id}")).json()
    step = make.step(merchant.id, shown, 1, event="payment.completed")
    await publish(PAYMENT_EVENTS, command.payment_id, step)
    response = await asyncio.wait_for(waiting, 10)
    assert (response.status_code, response.json()["status"]) == (201, "completed")
    assert len((await merchant.get("/v1/events")).json()["data"]) == 1


async def test_what_was_accepted_without_kafka_flows_when_it_is_back(
    replica, stores, gateway, merchant, commands, publish
):
    accepted = {(await merchant.pay()).json()["id"] for _ in range(5)}
    await consuming(replica, stores, publish)  # any process of the gateway relays what all of them accepted
    assert {(await next_create(commands))[0].payment_id for _ in accepted} == accepted


async def test_configuration_goes_out_by_merchant(gateway, merchant):
    row = await gateway.pool.fetchrow("SELECT topic, key FROM outbox")
    assert (row["topic"], row["key"]) == (MERCHANT_CONFIG.name, merchant.id)
