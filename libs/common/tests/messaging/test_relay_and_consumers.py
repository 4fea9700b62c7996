"""The way from an outbox through real Kafka into another transaction."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import pytest
from aiokafka import AIOKafkaProducer

from malipo import clock, ids
from malipo.contracts.commands import CancelPayment
from malipo.contracts.message import Message, encode
from malipo.contracts.topics import BY_NAME, PAYMENT_COMMANDS, Topic
from malipo.messaging import broker, provision
from malipo.messaging import relay as relay_module
from malipo.messaging.batch_consumer import BatchConsumer
from malipo.messaging.consumers import Consumers
from malipo.messaging.database import Database
from malipo.messaging.handover import Handover
from malipo.messaging.redrive import redrive, waiting
from malipo.messaging.relay import Relay
from malipo.messaging.security import KafkaAccess
from malipo.messaging.subscription import Received, Subscription
from malipo.messaging.unit_of_work import SHARDS, UnitOfWork
from testkit.waiting import until


@pytest.fixture
async def service(stores, new_database, pool_of):
    """Builds replicas of a service of its own name on one database."""
    url = new_database("orchestrator")
    name = ids.new("svc")
    tasks = []

    async def replica(relays: int = 1) -> Database:
        relay = Relay(url, KafkaAccess(stores.kafka), "test")
        database = Database(relay.handover)
        database.use(await pool_of(url))
        tasks.extend(
            asyncio.create_task(Relay(url, KafkaAccess(stores.kafka), "test").run()) for _ in range(relays - 1)
        )
        tasks.append(asyncio.create_task(relay.run()))
        return database

    @asynccontextmanager
    async def consuming(database: Database, handle, service_name: str = name, topic=PAYMENT_COMMANDS, **options):
        consumers = Consumers(KafkaAccess(stores.kafka), service_name, "0")
        subscription = Subscription("payments", (topic,), handle, **options)
        consumers.add(subscription, BatchConsumer(subscription, database, service_name))
        task = asyncio.create_task(consumers.run())
        try:
            await until(lambda: consumers.problem is None, what="consuming")
            yield consumers
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def stop() -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    replica.consuming, replica.stop, replica.url = consuming, stop, url
    yield replica
    await stop()


@pytest.fixture
async def own_topic(stores, monkeypatch) -> Topic:
    """One that no other test has written to, with a single partition: what others have left is taken in batches, too."""
    topic = replace(PAYMENT_COMMANDS, name=ids.new("topic"), partitions=1)
    monkeypatch.setitem(BY_NAME, topic.name, topic)
    monkeypatch.setattr(provision, "TOPICS", [topic])
    await provision.provision(KafkaAccess(stores.kafka), replication=1)
    return topic


class Seen:
    """Collects what is applied, of this test's payments only; what a unit saw that was undone does not count."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.by_key = defaultdict(list)
        self.sizes: list[int] = []  # of the batches that had any of them

    async def __call__(self, unit: UnitOfWork, batch: Sequence[Received[Message]]) -> None:
        unit.after_commit(partial(self._applied, batch))

    def _applied(self, batch: Sequence[Received[Message]]) -> None:
        mine = [received for received in batch if received.key.startswith(self.prefix)]
        if mine:
            self.sizes.append(len(mine))
        for received in mine:
            self.by_key[received.key].append(received.message.cancel_id)

    @property
    def count(self) -> int:
        return sum(map(len, self.by_key.values()))


async def send(database: Database, prefix: str, keys: int, each: int, topic: Topic = PAYMENT_COMMANDS) -> None:
    for number in range(each):
        async with database.begin() as unit:
            for key in range(keys):
                payment_id = f"{prefix}{key}"
                unit.send(topic, payment_id, CancelPayment(payment_id=payment_id, cancel_id=str(number)))


async def outbox_is_empty(database: Database) -> bool:
    return await database.reads.fetchval("SELECT count(*) FROM outbox") == 0


async def test_what_is_committed_arrives_in_order_per_key_with_two_relays_on_one_outbox(service):
    database = await service(relays=2)
    seen = Seen(ids.new("pay"))
    async with service.consuming(database, seen):
        await send(database, seen.prefix, keys=7, each=30)
        await until(lambda: seen.count == 210, what="all messages arrive")
        assert all(numbers == [str(n) for n in range(30)] for numbers in seen.by_key.values())
        await until(lambda: outbox_is_empty(database), what="the outbox is empty")


async def test_messages_that_are_not_taken_yet_are_the_lag_and_it_ends_when_they_are(service):
    database = await service()
    free = asyncio.Event()

    async def held_up(unit: UnitOfWork, batch: Sequence[Received[Message]]) -> None:
        await free.wait()

    async def lag() -> int | None:  # none before the first fetch
        return (await consumers.lag()).get(PAYMENT_COMMANDS.name)

    async def behind() -> bool:
        await send(database, ids.new("pay"), keys=1, each=1)  # until the handler has the first and another waits
        return (await lag() or 0) > 0

    async def caught_up() -> bool:
        return await lag() == 0

    async with service.consuming(database, held_up) as consumers:
        await until(behind, what="messages wait")
        free.set()
        await until(caught_up, what="all are taken")


SECONDS = 3.0


@pytest.mark.parametrize("limit", ["pace_seconds", "gather_seconds"])
async def test_what_comes_between_two_takes_is_one_batch(service, own_topic, limit):
    database = await service()
    seen = Seen(ids.new("pay"))

    async with service.consuming(database, seen, topic=own_topic, **{limit: SECONDS}):
        began = clock.monotonic()
        await send(database, seen.prefix, keys=1, each=1, topic=own_topic)
        await until(lambda: seen.sizes == [1], what="the first is taken")
        for number in range(20):
            await send(database, f"{seen.prefix}{number}", keys=1, each=1, topic=own_topic)
        await until(lambda: seen.count == 21, what="all are taken")
    takes = (clock.monotonic() - began) // SECONDS
    assert len(seen.sizes) <= 2 + takes, "the first, one that was under way, and one each time"


async def test_what_is_no_message_at_all_is_dead_lettered_and_what_comes_behind_it_is_taken(service, stores, own_topic):
    database = await service()
    seen = Seen("pay")
    good = encode(CancelPayment(payment_id="pay", cancel_id="can"))
    records = [
        (None, b"\xff", []),
        (b"\xff", None, [("x", b"\xff")]),
        (b"null", b"pay", [("message-id", b"")]),
        (good, b"pay", []),
    ]
    producer = AIOKafkaProducer(bootstrap_servers=stores.kafka)
    await producer.start()
    try:
        for value, key, headers in records:
            await producer.send_and_wait(own_topic.name, value, key=key, headers=headers)
    finally:
        await producer.stop()
    async with service.consuming(database, seen, topic=own_topic):
        await until(lambda: seen.count == 1, what="the last message is taken")
    buried = await database.reads.fetch("SELECT * FROM inbox_undated WHERE consumer LIKE '%.dlq' ORDER BY message_id")
    group = buried[0]["consumer"].removesuffix(".dlq")
    assert [row["message_id"] for row in buried] == [f"dlq:{group}:{own_topic.name}:0:{offset}" for offset in range(3)]


async def test_a_batch_that_faststream_cannot_parse_comes_again(service, monkeypatch):
    database = await service()
    seen = Seen(ids.new("pay"))
    parse, failures = broker._without_headers, 0

    async def parse_badly(records, parse_rest):
        nonlocal failures
        if any(record.key.decode().startswith(seen.prefix) for record in records) and failures < 2:
            failures += 1
            raise RuntimeError("no parser is without a fault")
        return await parse(records, parse_rest)

    monkeypatch.setattr(broker, "_without_headers", parse_badly)
    async with service.consuming(database, seen):
        await send(database, seen.prefix, keys=3, each=2)
        await until(lambda: seen.count == 6, what="all messages arrive")
    assert failures == 2
    assert all(numbers == ["0", "1"] for numbers in seen.by_key.values())


async def test_a_relay_takes_over_the_shards_of_one_that_died(service, stores):
    database = await service()
    await send(database, "x", keys=1, each=1)
    await until(lambda: outbox_is_empty(database), what="the first relay works")
    name = await database.reads.fetchval("SELECT current_database()")
    heir = Relay(f"{stores.databases.server}/{name}", KafkaAccess(stores.kafka), "heir")
    task = asyncio.create_task(heir.run())
    try:
        await database.reads.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid) "
            "WHERE locktype = 'advisory' AND datname = current_database() AND usename = current_user"
        )
        await send(database, "x", keys=9, each=1)
        await until(lambda: outbox_is_empty(database), what="another session goes on")
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_relay_takes_over_the_shards_of_one_that_is_frozen(service, new_database, monkeypatch):
    monkeypatch.setattr(relay_module, "FROZEN_SECONDS", 3)
    async with relay_module.session(new_database("orchestrator")) as frozen:
        held = await relay_module._lock_free_shards(frozen, [])
        assert len(held) == SHARDS
        database = await service()
        await send(database, "x", keys=9, each=1)
        await until(lambda: outbox_is_empty(database), what="another session goes on")


async def test_what_a_replica_writes_that_holds_no_shard_is_sent_by_the_one_that_does_before_it_looks_of_itself(
    service, monkeypatch
):
    never_looks(monkeypatch)
    await send(holder := await service(), "x", keys=9, each=1)
    await until(lambda: outbox_is_empty(holder), what="the first replica holds all shards")
    other = await service()
    await send(other, "x", keys=9, each=1)
    await until(lambda: outbox_is_empty(other), what="the first replica was told")


async def test_the_shards_of_a_relay_that_is_stopped_are_another_ones_at_once(service, stores, monkeypatch):
    never_looks(monkeypatch)
    database = await service()
    await send(database, "x", keys=9, each=1)
    await until(lambda: outbox_is_empty(database), what="the first relay holds all shards")
    heir = asyncio.create_task(Relay(service.url, KafkaAccess(stores.kafka), "heir").run())
    try:
        await until(lambda: one_waits_for_shards(database), what="the heir waits")
        database._handover = Handover()
        await send(database, "x", keys=9, each=1)
        await service.stop()
        await until(lambda: outbox_is_empty(database), what="the heir has what the first one had to send")
    finally:
        heir.cancel()
        await asyncio.gather(heir, return_exceptions=True)


def never_looks(monkeypatch) -> None:
    """Who is told nothing does nothing."""
    monkeypatch.setattr(relay_module, "POLL_SECONDS", 3600)
    monkeypatch.setattr(relay_module, "_TAKE_OVER_SECONDS", 3600)


async def one_waits_for_shards(database: Database) -> bool:
    asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query = $1"
    return await database.reads.fetchval(asked, relay_module._LOCK) == 1


async def test_a_relay_waits_for_no_disk_for_what_was_sent_would_only_be_sent_again(new_database):
    async with relay_module.session(new_database("orchestrator")) as session:
        assert await session.fetchval("SHOW synchronous_commit") == "off"


async def test_a_relay_deletes_nothing_that_another_server_may_know_by_the_same_id(
    service, stores, new_database, pool_of
):
    url = new_database("gateway")
    database = Database()
    database.use(await pool_of(url))
    seen = Seen(ids.new("pay"))
    await send(database, seen.prefix, keys=1, each=1)
    relay = Relay(url, KafkaAccess(stores.kafka), "after a failover")
    relay._sent = [await database.reads.fetchval("SELECT id FROM outbox")]
    async with service.consuming(await service(), seen):
        task = asyncio.create_task(relay.run())
        try:
            await until(lambda: seen.count == 1, what="the row is sent all the same")
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_topic_that_kafka_does_not_know_stops_no_other(service):
    database = await service()
    seen = Seen(ids.new("pay"))
    async with service.consuming(database, seen):
        async with database.begin() as unit:
            unit.send_raw("providers.nobody.commands.v1", seen.prefix, b"{}", {"message-id": "m1"})
        await send(database, seen.prefix, keys=3, each=2)
        await until(lambda: seen.count == 6, what="the others arrive", seconds=30)
        await until(lambda: _only_left(database, "providers.nobody.commands.v1"), what="only the refused is left")


async def _only_left(database: Database, topic: str) -> bool:
    return [row["topic"] for row in await database.reads.fetch("SELECT topic FROM outbox")] == [topic]


async def test_a_dead_letter_is_applied_once_its_cause_is_mended_and_it_is_sent_again(service, stores):
    database = await service()
    seen = Seen(ids.new("pay"))
    broken = True

    async def handle(unit: UnitOfWork, batch: Sequence[Received[Message]]) -> None:
        if broken and any(received.key.startswith(seen.prefix) for received in batch):
            raise LookupError("not yet")
        await seen(unit, batch)

    async with service.consuming(database, handle):
        await send(database, seen.prefix, keys=1, each=1)
        await until(lambda: _dead(database), what="it is dead-lettered")
        await until(lambda: outbox_is_empty(database), what="the dead letter is in Kafka")
        [letter] = await letters(stores.kafka, seen.prefix)
        assert letter["reason"] == "LookupError: not yet"
        broken = False
        assert (await redrive(KafkaAccess(stores.kafka), PAYMENT_COMMANDS)).sent >= 1
        await until(lambda: seen.count == 1, what="it is applied")
        await redrive(KafkaAccess(stores.kafka), PAYMENT_COMMANDS)
        assert await letters(stores.kafka, seen.prefix) == []
        await send(database, seen.prefix, keys=1, each=1)
        await until(lambda: seen.count == 2, what="the next one arrives, and the first no second time")


async def letters(kafka: str, prefix: str) -> list[dict[str, str]]:
    return [one for one in await waiting(KafkaAccess(kafka), PAYMENT_COMMANDS) if one["key"].startswith(prefix)]


async def test_what_is_still_dead_is_sent_again_once_by_each_redrive(service, stores):
    database = await service()
    prefix, came = ids.new("pay"), []

    async def fail(_unit: UnitOfWork, batch: Sequence[Received[Message]]) -> None:
        if ours := [received.key for received in batch if received.key.startswith(prefix)]:
            if len(batch) == 1:  # each alone, and it is dead
                came.extend(ours)
            raise LookupError("never")

    async with service.consuming(database, fail):
        await send(database, prefix, keys=1, each=1)
        await until(lambda: letters(stores.kafka, prefix), what="the dead letter is in Kafka")
        before = len(came)
        assert (await redrive(KafkaAccess(stores.kafka), PAYMENT_COMMANDS)).sent >= 1
        await until(lambda: len(came) > before, what="it is dead once more")
        await until(lambda: letters(stores.kafka, prefix), what="its dead letter is in Kafka")
        dead = len(came)
        assert (await redrive(KafkaAccess(stores.kafka), PAYMENT_COMMANDS)).sent >= 1
        await until(lambda: len(came) > dead, what="it is dead again")


async def _dead(database: Database) -> bool:
    return await database.reads.fetchval("SELECT count(*) FROM inbox WHERE consumer LIKE '%.dlq'") > 0


async def test_a_batch_is_given_back_while_the_database_is_away_and_taken_when_it_returns(service):
    database = await service()
    seen = Seen(ids.new("pay"))
    away = Database()
    async with service.consuming(away, seen, ids.new("svc")):
        await send(database, seen.prefix, keys=2, each=2)
        await until(lambda: outbox_is_empty(database), what="messages are in Kafka")
        assert seen.count == 0
        away.use(database._pool)
        await until(lambda: seen.count == 4, what="the messages are taken")


async def test_a_killed_consumer_loses_nothing_and_applies_nothing_twice(service):
    database = await service()
    name = ids.new("svc")
    seen = Seen(ids.new("pay"))
    async with service.consuming(database, seen, name):
        await send(database, seen.prefix, keys=3, each=5)
        await until(lambda: seen.count >= 3, what="some have arrived")
    async with service.consuming(database, seen, name):
        await until(lambda: seen.count == 15, what="the rest arrives")
        await send(database, seen.prefix, keys=1, each=1)
        await until(lambda: seen.count == 16, what="the next one arrives")
    assert seen.count == 16
