"""A topic of a test's own, one consumer of it, and what it has applied."""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from malipo import ids
from malipo.contracts.commands import CancelPayment
from malipo.contracts.message import encode
from malipo.contracts.topics import BY_NAME, PAYMENT_COMMANDS, Topic
from malipo.messaging import provision
from malipo.messaging.batch_consumer import BatchConsumer
from malipo.messaging.consumers import Consumers
from malipo.messaging.database import Database
from malipo.messaging.relay import Relay
from malipo.messaging.security import KafkaAccess
from malipo.messaging.subscription import Received, Subscription
from malipo.messaging.unit_of_work import UnitOfWork
from testkit.waiting import until

sys.path.append(str(Path(__file__).parent))

from secure_kafka import SecureKafka, secure_kafka


@dataclass
class Bench:
    """A topic of its own, one consumer of it, and what it has applied."""

    kafka: str
    database_url: str
    topic: Topic
    database: Database
    group: str
    applied: Counter[str]

    @property
    def access(self) -> KafkaAccess:
        return KafkaAccess(self.kafka)

    async def handle(self, unit: UnitOfWork, batch: Sequence[Received]) -> None:
        ids_in = [received.message.cancel_id for received in batch]
        unit.after_commit(lambda: self.applied.update(ids_in))

    @asynccontextmanager
    async def consuming(self, instance: str = "0") -> AsyncGenerator[Consumers]:
        consumers = Consumers(self.access, self.group, instance)
        subscription = Subscription("payments", (self.topic,), self.handle)
        consumers.add(subscription, BatchConsumer(subscription, self.database, self.group))
        task = asyncio.create_task(consumers.run())
        try:
            await until(lambda: consumers.problem is None, what="consuming")
            yield consumers
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def send(self, partition: int, *cancel_ids: str, compression: str | None = None) -> None:
        await self.send_bytes(partition, *map(self.message, cancel_ids), compression=compression)

    async def send_bytes(self, partition: int, *values: bytes, compression: str | None = None) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.kafka, compression_type=compression)
        await producer.start()
        try:
            for value in values:
                await producer.send_and_wait(self.topic.name, value, key=b"pay", partition=partition)
        finally:
            await producer.stop()

    @asynccontextmanager
    async def relaying(self) -> AsyncGenerator[None]:
        task = asyncio.create_task(Relay(self.database_url, self.access, "test").run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def dead_letters(self) -> list:
        consumer = AIOKafkaConsumer(self.topic.dead_letter, bootstrap_servers=self.kafka, auto_offset_reset="earliest")
        await consumer.start()
        try:
            batches = await consumer.getmany(timeout_ms=2000)
            return [record for records in batches.values() for record in records]
        finally:
            await consumer.stop()

    async def committed(self) -> dict[int, int | None]:
        consumer = AIOKafkaConsumer(bootstrap_servers=self.kafka, group_id=f"{self.group}.payments")
        await consumer.start()
        try:
            return {
                partition: await consumer.committed(TopicPartition(self.topic.name, partition))
                for partition in range(self.topic.partitions)
            }
        finally:
            await consumer.stop()

    @staticmethod
    def message(cancel_id: str) -> bytes:
        return encode(CancelPayment(payment_id="pay", cancel_id=cancel_id))


@pytest.fixture
async def bench(stores, new_database, pool_of, monkeypatch) -> Bench:
    topic = replace(PAYMENT_COMMANDS, name=ids.new("topic"), partitions=6)
    monkeypatch.setitem(BY_NAME, topic.name, topic)
    monkeypatch.setattr(provision, "TOPICS", [topic])
    await provision.provision(KafkaAccess(stores.kafka), replication=1)
    database = Database()
    url = new_database("orchestrator")
    database.use(await pool_of(url))
    return Bench(stores.kafka, url, topic, database, ids.new("svc"), Counter())


@pytest.fixture(scope="session")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Generator[SecureKafka]:
    """A broker that asks who is there."""
    with secure_kafka(tmp_path_factory.mktemp("secure")) as kafka:
        yield kafka
