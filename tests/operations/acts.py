"""What happens to a stack before somebody follows a page: stores that are lost, messages that nobody should have sent."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from malipo import ids
from malipo.contracts.message import Message, encode
from malipo.contracts.topics import Topic
from malipo_local import Stack
from malipo_local.merchant import DemoMerchant
from testkit.access import access
from testkit.poison import poison

SETTINGS = {
    "provider-stripe": {"STRIPE_STATEMENT_SECONDS": "2"},
    "provider-mpesa": {
        "MPESA_SETTLE_SECONDS": "3",
        "MPESA_STATEMENT_SECONDS": "1",
        "MPESA_STATEMENT_LATENESS_SECONDS": "30",
        "MPESA_STATEMENT_QUERIES_PER_MINUTE": "600",
    },
    "webhook-dispatcher": {"RETRY_SCHEDULE_SECONDS": "0.5,0.5,1,1,2,2,4,4,8,8"},
}
"""What takes minutes takes seconds."""


def sql(stack: Stack, service: str, statement: str, *values: Any) -> Any:
    """The first value of what a statement on a service's database answers, for the administrator."""

    async def fetch() -> Any:
        connection = await asyncpg.connect(stack.administrator_url(service))
        try:
            return await connection.fetchval(statement, *values)
        finally:
            await connection.close()

    return asyncio.run(fetch())


def merchant_id(stack: Stack, merchant: DemoMerchant) -> str:
    return sql(stack, "gateway", "SELECT id FROM merchants WHERE name = $1", merchant.name)


def execute(stack: Stack, service: str, statement: str, *values: Any) -> None:
    """Change a service's database, as time or a person would."""

    async def run() -> None:
        connection = await asyncpg.connect(stack.administrator_url(service))
        try:
            await connection.execute(statement, *values)
        finally:
            await connection.close()

    asyncio.run(run())


def publish(
    stack: Stack, topic: Topic, key: str, message: Message, partition: int | None = None, times: int = 1
) -> None:
    """Write a message to a topic, as if a service had; several times under one id, as if it came again."""
    publish_bytes(stack, topic.name, key, encode(message), partition, times)


def publish_bytes(
    stack: Stack, topic: str, key: str, value: bytes, partition: int | None = None, times: int = 1
) -> None:
    async def send() -> None:
        producer: Any = AIOKafkaProducer(**access(stack.kafka_settings()).options)
        await producer.start()
        try:
            headers = [("message-id", ids.new("msg").encode())]
            for _ in range(times):
                await producer.send(topic, value, key=key.encode(), headers=headers, partition=partition)
            await producer.flush()
        finally:
            await producer.stop()

    asyncio.run(send())


def damage(stack: Stack, topic: str, partition: int) -> int:
    """Write a record that no consumer can read; returns its offset."""
    return asyncio.run(poison(access(stack.kafka_settings()), topic, partition))


def start_with(stack: Stack, service: str, **settings: str) -> None:
    """Start a service anew, which is told these from now on."""
    stack.stop_service(service)
    stack.start_service(service, settings)
    stack.wait_ready(service, 90)


def lose_kafka(stack: Stack) -> None:
    """The broker is back, and has nothing of what it had."""
    stack.stop_service("kafka")
    shutil.rmtree(stack.home.folder / "kafka")
    stack.start_service("kafka")
    stack.wait_ready("kafka", 90)


def delete_records(stack: Stack, topic: str) -> None:
    """Have Kafka delete all that a topic has."""

    async def delete(admin: Any) -> None:
        consumer: Any = AIOKafkaConsumer(**access(stack.kafka_settings()).options)
        await consumer.start()
        try:
            numbers = (await admin.describe_topics([topic]))[0]["partitions"]
            ends = await consumer.end_offsets([TopicPartition(topic, one["partition"]) for one in numbers])
            await admin.delete_records({place: RecordsToDelete(before_offset=end) for place, end in ends.items()})
        finally:
            await consumer.stop()

    _administer(stack, delete)


def delete_topic(stack: Stack, topic: str) -> None:
    _administer(stack, lambda admin: admin.delete_topics([topic]))


def _administer(stack: Stack, do: Callable[[Any], Awaitable[object]]) -> None:
    async def run() -> None:
        admin: Any = AIOKafkaAdminClient(**access(stack.kafka_settings()).options)
        await admin.start()
        try:
            await do(admin)
        finally:
            await admin.close()

    asyncio.run(run())
