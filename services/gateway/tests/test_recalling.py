"""After a restore to an earlier moment a repeat of a request gets what the first one made, as long as Kafka has its command."""

from datetime import timedelta

import pytest
from aiokafka import AIOKafkaProducer
from keeping import again, keep
from msgspec.structs import replace

from gateway.edge import idempotency
from gateway.payments.recalling import recall
from malipo import clock, ids
from malipo.contracts.commands import CreatePayment, PaymentMethod
from malipo.contracts.message import encode
from malipo.contracts.methods import SAVED
from malipo.contracts.topics import PAYMENT_COMMANDS
from malipo.messaging.security import KafkaAccess
from malipo.money import Money


@pytest.fixture
async def relayed(gateway, stores):
    """Have Kafka get what is in the outbox."""

    async def relay() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=stores.kafka)
        await producer.start()
        try:
            for row in await gateway.dependencies.database.reads.fetch(
                "SELECT * FROM outbox WHERE topic = $1", PAYMENT_COMMANDS.name
            ):
                headers = [(name, value.encode()) for name, value in row["headers"].items()]
                await producer.send_and_wait(row["topic"], row["payload"], key=row["key"].encode(), headers=headers)
        finally:
            await producer.stop()

    return relay


async def test_keys_that_the_database_has_forgotten_are_known_again_by_the_commands_that_kafka_has(
    gateway, merchant, make, stores, relayed
):
    since = clock.now() - timedelta(seconds=1)
    payment = (await merchant.pay(key="forgotten")).json()
    cancel = (await merchant.post(f"/v1/payments/{payment['id']}/cancel", key="of a cancel")).json()
    await relayed()
    await gateway.dependencies.database.write("DELETE FROM idempotency_keys")
    assert await recall(gateway.dependencies.database, KafkaAccess(stores.kafka), since) >= 2
    again = await merchant.pay(key="forgotten")
    assert (again.json()["id"], again.headers["Idempotent-Replayed"]) == (payment["id"], "true")
    repeated = await merchant.post(f"/v1/payments/{payment['id']}/cancel", key="of a cancel")
    assert repeated.json()["id"] == cancel["id"]
    assert await gateway.count("payments") == 1
    other = await merchant.post(f"/v1/payments/{payment['id']}/cancel", key="forgotten")
    assert other.json()["code"] == "idempotency_key_reused"


async def test_what_was_requested_before_stays_as_it_is(gateway, merchant, stores, relayed):
    await merchant.pay(key="known")
    await relayed()
    before = await gateway.dependencies.database.reads.fetch("SELECT * FROM idempotency_keys")
    await recall(gateway.dependencies.database, KafkaAccess(stores.kafka), clock.now() - timedelta(minutes=1))
    assert [
        dict(row)
        for row in await gateway.dependencies.database.reads.fetch(
            "SELECT * FROM idempotency_keys WHERE merchant_id = $1", merchant.id
        )
    ] == [dict(row) for row in before]


CHARGE = CreatePayment(
    payment_id=ids.new("pay"), merchant_id="mer_1", mode="test", amount=Money(700, "USD"), capture="automatic",
    method=PaymentMethod(type=SAVED, details={"id": "pm_1"}), config_version=1, configured=("stripe",),
)  # fmt: skip


async def test_a_header_or_command_that_cannot_be_read_keeps_no_other_key_from_being_known_again(
    gateway, merchant, stores, relayed
):
    since = clock.now() - timedelta(seconds=1)
    async with AIOKafkaProducer(bootstrap_servers=stores.kafka) as producer:
        for header in (b'["mer_1", "test", "cu', b"\xff", b"[]", b"1"):
            headers = [(idempotency.HEADER, header)]
            await producer.send_and_wait(PAYMENT_COMMANDS.name, b"{}", key=b"pay_1", headers=headers)
        for odd in (replace(CHARGE, method=PaymentMethod(type=SAVED)), replace(CHARGE, payment_id="pay_1")):
            await producer.send_and_wait(PAYMENT_COMMANDS.name, encode(odd), key=b"pay_1")
    payment = (await merchant.pay(key="behind it")).json()
    await relayed()
    await gateway.dependencies.database.write("DELETE FROM idempotency_keys")
    await recall(gateway.dependencies.database, KafkaAccess(stores.kafka), since)
    assert (await merchant.pay(key="behind it")).json()["id"] == payment["id"]


RULES = {"customer_ref": "customer-7", "currency": "USD", "max_amount": 10_000, "max_count": 3, "per": "month"}


async def used(merchant) -> tuple[int, int]:
    period = (await merchant.get("/v1/series/mandate-7")).json()["period"]
    return period["count"], period["amount"]


async def test_the_charges_of_a_series_that_the_database_has_forgotten_count_again(gateway, merchant, stores, relayed):
    since, database = clock.now() - timedelta(seconds=1), gateway.dependencies.database
    await merchant.send("PUT", "/v1/series/mandate-7", RULES)
    card = (await keep(gateway, merchant))["id"]
    ids_ = [(await merchant.pay(again(card, how={"series": "mandate-7"}))).json()["id"] for _ in range(3)]
    await merchant.pay(again(card))
    charges = "SELECT payment_id, payment_method, amount, accepted_at, series FROM saved_charges ORDER BY payment_id"
    before = await database.reads.fetch(charges)
    for _ in range(2):  # as after an outage, each command may be there twice
        await relayed()
    await database.write("DELETE FROM saved_charges WHERE payment_id <> $1", ids_[0])
    assert await used(merchant) == (1, 700)
    for _ in range(2):
        await recall(database, KafkaAccess(stores.kafka), since)
    assert await database.reads.fetch(charges) == before
    numbers = await database.reads.fetch("SELECT number FROM saved_charges ORDER BY number")
    assert [row["number"] for row in numbers] == [1, 2, 3, None]
    refused = await merchant.pay(again(card, how={"series": "mandate-7"}))
    assert (refused.status_code, refused.json()["code"]) == (409, "series_limit_reached")


async def test_a_charge_of_a_series_counts_though_nobody_knows_its_payment_any_more(gateway, merchant, stores, relayed):
    since, database = clock.now() - timedelta(seconds=1), gateway.dependencies.database
    await merchant.send("PUT", "/v1/series/mandate-7", RULES)
    card = (await keep(gateway, merchant))["id"]
    payment = (await merchant.pay(again(card, how={"series": "mandate-7"}))).json()
    await relayed()
    for table, column in (("saved_charges", "payment_id"), ("payments", "id")):
        await database.write(f"DELETE FROM {table} WHERE {column} = $1", payment["id"])
    await recall(database, KafkaAccess(stores.kafka), since)
    assert await used(merchant) == (1, 700)
