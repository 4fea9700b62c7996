"""What happens to a stack before somebody follows a page: stores that are lost, messages that nobody should have sent."""

import asyncio
import shutil
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from databases import sql

from malipo import ids
from malipo.contracts.message import Message, encode
from malipo.contracts.topics import Topic
from malipo_local import Stack
from malipo_local.merchant import DemoMerchant
from testkit.access import access
from testkit.deleting import delete_records
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


def merchant_id(stack: Stack, merchant: DemoMerchant) -> str:
    return sql(stack, "gateway", "SELECT id FROM merchants WHERE name = $1", merchant.name)


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


def empty_topic(stack: Stack, topic: str) -> None:
    """Have Kafka delete all that a topic has."""

    async def empty() -> None:
        kafka = access(stack.kafka_settings())
        consumer: Any = AIOKafkaConsumer(topic, **kafka.options)
        await consumer.start()
        try:
            await delete_records(kafka, await consumer.end_offsets(list(consumer.assignment())))
        finally:
            await consumer.stop()

    asyncio.run(empty())


def delete_topic(stack: Stack, topic: str) -> None:
    async def delete() -> None:
        admin: Any = AIOKafkaAdminClient(**access(stack.kafka_settings()).options)
        await admin.start()
        try:
            await admin.delete_topics([topic])
        finally:
            await admin.close()

    asyncio.run(delete())
