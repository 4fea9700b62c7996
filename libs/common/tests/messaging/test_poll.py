"""What becomes of a poll that raises: nothing that was fetched is lost, and one partition holds up no other."""

import asyncio
from collections.abc import Sequence

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import CorruptRecordException, KafkaError

from malipo.contracts.topics import BY_NAME, Topic
from malipo.messaging import poll, provision
from malipo.messaging.batch_consumer import BatchConsumer
from malipo.messaging.consumers import Consumers
from malipo.messaging.redrive import Redriven, redrive
from malipo.messaging.step_over import NothingToStepOver, Place, step_over
from malipo.messaging.subscription import Received, Subscription
from malipo.messaging.unit_of_work import UnitOfWork
from testkit.poison import poison
from testkit.waiting import until


async def set_compression(bench, codec: str, more: dict[str, str] | None = None) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bench.kafka)
    await admin.start()
    try:
        settings = {"compression.type": codec} | (more or {})
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, bench.topic.name, settings)])
    finally:
        await admin.close()


async def settings_of(bench) -> dict[str, str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bench.kafka)
    await admin.start()
    try:
        [answer] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, bench.topic.name)])
    finally:
        await admin.close()
    [(_, _, _, _, entries)] = answer.resources
    return {entry[0]: entry[1] for entry in entries}


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_what_is_compressed_with_any_codec_of_kafkas_is_taken(bench, codec):
    await bench.send(0, "a", "b", compression=codec)
    async with bench.consuming():
        await until(lambda: bench.applied == {"a": 1, "b": 1}, what="all is applied")


async def test_a_record_that_cannot_be_read_holds_up_its_own_partition_alone(bench):
    for partition in range(bench.topic.partitions):
        await bench.send(partition, *(f"{partition}.{number}" for number in range(5)))
    bad = await poison(bench.access, bench.topic.name, 3, bench.message("3.last"))
    for partition in range(bench.topic.partitions):
        await bench.send(partition, *(f"{partition}.{number}" for number in range(5, 10)))
    readable = {f"{partition}.{number}": 1 for partition in range(bench.topic.partitions) for number in range(10)}
    held = {f"3.{number}" for number in range(5, 10)}
    reached = {name: 1 for name in readable if name not in held} | {"3.last": 1}
    async with bench.consuming() as consumers:
        await until(lambda: bench.applied == reached, what="all but what is behind the bad record is applied")
        await bench.send(5, "later")
        await until(lambda: bench.applied["later"], what="the other partitions flow on")
        await until(lambda: consumers.resting, what="it says which partition rests")
        assert f"{bench.topic.name} 3 at offset {bad}" in consumers.resting
    assert await bench.committed() == {0: 10, 1: 10, 2: 10, 3: bad, 4: 10, 5: 11}


async def test_what_a_poll_had_drained_before_it_raised_is_applied_all_the_same(bench, monkeypatch):
    getmany, raised = AIOKafkaConsumer.getmany, []

    async def drain_and_raise(self, *partitions, **options):
        batches = await getmany(self, *partitions, **options)
        if batches and len(raised) < 3 and self._group_id == f"{bench.group}.payments":
            raised.append(batches)
            raise CorruptRecordException
        return batches

    monkeypatch.setattr(AIOKafkaConsumer, "getmany", drain_and_raise)
    for partition in range(bench.topic.partitions):
        await bench.send(partition, f"{partition}.0", f"{partition}.1")
    async with bench.consuming() as consumers:
        await until(lambda: len(bench.applied) == 2 * bench.topic.partitions, what="all is applied")
        await until(lambda: consumers.problem is None and not consumers.resting, what="all is well again")
    assert len(raised) == 3
    assert await bench.committed() == dict.fromkeys(range(bench.topic.partitions), 2)


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
async def test_a_topic_that_comes_to_compress_anew_under_way_loses_nothing(bench, codec):
    sent = [f"{partition}.{number}" for partition in range(bench.topic.partitions) for number in range(6)]
    async with bench.consuming():
        for partition in range(bench.topic.partitions):
            await bench.send(partition, *(name for name in sent[:18] if name.startswith(f"{partition}.")))
        await set_compression(bench, codec)
        for partition in range(bench.topic.partitions):
            await bench.send(partition, *(name for name in sent[18:] if name.startswith(f"{partition}.")))
        await until(lambda: bench.applied == dict.fromkeys(sent, 1), what="all is applied")


async def test_provisioning_leaves_compression_to_producers_and_keeps_what_else_a_topic_was_set_to(bench):
    await set_compression(bench, "zstd", {"segment.ms": "600000"})
    assert (await settings_of(bench))["compression.type"] == "zstd"
    await provision.provision(bench.access, replication=1)
    settings = await settings_of(bench)
    assert settings["compression.type"] == "producer"
    assert settings["segment.ms"] == "600000"


async def test_an_operator_steps_over_a_record_while_the_service_runs(bench):
    await bench.send(2, "before")
    bad = await poison(bench.access, bench.topic.name, 2, bench.message("within"))
    await bench.send(2, "behind")
    place = Place(f"{bench.group}.payments", TopicPartition(bench.topic.name, 2), bad)
    async with bench.consuming() as consumers, bench.relaying():
        await until(lambda: consumers.resting, what="the partition rests")
        assert f"python -m malipo.messaging.step_over {place.group} {bench.topic.name} 2 {bad}" in consumers.resting
        # Twice: whose first answer was lost asks again.
        assert [await step_over(bench.database, bench.access, place) for _ in range(2)] == [bad + 1, bad + 1]
        await until(lambda: bench.applied == {"before": 1, "within": 1, "behind": 1}, what="the partition flows on")
        await until(lambda: not consumers.resting, what="it rests no longer")
        [letter] = await bench.dead_letters()
    headers = {name: value.decode() for name, value in letter.headers}
    assert headers["x-position"] == f"{bench.topic.name}:2:{bad}"
    assert headers["x-consumer"] == place.group
    assert "UnicodeDecodeError" in headers["x-reason"]
    assert b"\x14" + b"\xff" * 10 in letter.value  # the name that cannot be read, behind its length
    assert (await bench.committed())[2] == bad + 2


async def test_what_an_operator_has_stepped_over_nobody_stops_at_who_comes_later(bench):
    bad = await poison(bench.access, bench.topic.name, 1)
    await bench.send(1, "behind")
    await step_over(
        bench.database, bench.access, Place(f"{bench.group}.payments", TopicPartition(bench.topic.name, 1), bad)
    )
    async with bench.consuming() as consumers:
        await until(lambda: bench.applied == {"behind": 1}, what="it is applied")
        assert not consumers.resting


async def test_a_message_that_only_a_newer_release_knows_waits_for_it_or_for_an_operator(bench):
    """Nothing is buried by a release that is about to be replaced, and no other partition waits."""
    for cancel_id in ("before", "newer", "behind"):
        if cancel_id == "newer":
            await bench.send_bytes(3, b'{"type":"PauseThePayment","payment_id":"pay"}')
        else:
            await bench.send(3, cancel_id)
    place = Place(f"{bench.group}.payments", TopicPartition(bench.topic.name, 3), 1)
    async with bench.consuming() as consumers, bench.relaying():
        await bench.send(4, "beside")
        await until(lambda: bench.applied == {"before": 1, "beside": 1}, what="all that stands before it is applied")
        await until(lambda: consumers.resting, what="the partition rests")
        assert "PauseThePayment" in consumers.resting
        assert (await bench.committed())[3] == 1
        assert [await step_over(bench.database, bench.access, place) for _ in range(2)] == [2, 2]
        await until(lambda: bench.applied["behind"] == 1, what="it goes on behind it", seconds=30)
        await until(bench.dead_letters, what="the dead letter is in Kafka")
        await until(lambda: not consumers.resting, what="it rests no longer")
        [letter] = await bench.dead_letters()
    assert letter.value == b'{"type":"PauseThePayment","payment_id":"pay"}'


async def test_a_release_that_knows_the_message_takes_it_where_the_older_one_stopped(bench, monkeypatch):
    monkeypatch.setattr(Topic, "unknown_type", lambda _, value: "CancelPayment" if b"can_new" in value else None)
    decode = Topic.decode

    def older(topic, value):
        if b"can_new" in value:
            raise msgspec.ValidationError("unknown")
        return decode(topic, value)

    monkeypatch.setattr(Topic, "decode", older)
    await bench.send(3, "can_old", "can_new", "can_next")
    async with bench.consuming() as consumers:
        await until(lambda: consumers.resting, what="the older release stops")
    monkeypatch.undo()
    monkeypatch.setitem(BY_NAME, bench.topic.name, bench.topic)
    async with bench.consuming() as consumers:
        await until(lambda: bench.applied == {"can_old": 1, "can_new": 1, "can_next": 1}, what="the newer takes all")
        assert not consumers.resting


@pytest.mark.parametrize(("offset", "why"), [(0, "can be read"), (7, "no record")])
async def test_nobody_steps_over_what_can_be_read_or_is_not_there(bench, offset, why):
    await bench.send(0, "good")
    place = Place(f"{bench.group}.payments", TopicPartition(bench.topic.name, 0), offset)
    with pytest.raises(NothingToStepOver, match=why):
        await step_over(bench.database, bench.access, place)


async def test_a_batch_that_was_stepped_over_for_want_of_a_codec_is_redriven_once_the_codec_is_there(
    bench, monkeypatch
):
    await bench.send(0, "first")
    await bench.send(0, "sealed", compression="zstd")
    await bench.send(0, "last")
    monkeypatch.setattr("aiokafka.codec.has_zstd", lambda: False)
    place = Place(f"{bench.group}.payments", TopicPartition(bench.topic.name, 0), 1)
    async with bench.consuming() as consumers, bench.relaying():
        await until(lambda: consumers.resting, what="the partition rests")
        await step_over(bench.database, bench.access, place)
        await until(lambda: bench.applied == {"first": 1, "last": 1}, what="it flows on behind")
        await until(bench.dead_letters, what="the dead letter is in Kafka")
        monkeypatch.undo()
        monkeypatch.setitem(BY_NAME, bench.topic.name, bench.topic)
        assert await redrive(bench.access, bench.topic) == Redriven(sent=1)
        await until(lambda: bench.applied == {"first": 1, "sealed": 1, "last": 1}, what="it is applied")


async def test_a_codec_that_is_deployed_later_heals_the_partition_by_itself(bench, monkeypatch):
    await bench.send(0, "sealed", compression="lz4")
    monkeypatch.setattr("aiokafka.codec.has_lz4", lambda: False)
    async with bench.consuming() as consumers:
        await until(lambda: consumers.resting, what="the partition rests")
        monkeypatch.setattr("aiokafka.codec.has_lz4", lambda: True)
        await until(lambda: bench.applied == {"sealed": 1}, what="it is applied")
        await until(lambda: not consumers.resting, what="it rests no longer")


async def test_of_two_processes_with_one_name_the_first_says_so_and_gives_way_until_the_other_has_gone(bench):
    await bench.send(0, "a")
    async with bench.consuming() as first:
        await until(lambda: bench.applied == {"a": 1}, what="the first consumes")
        async with bench.consuming() as second:
            await until(lambda: first.fenced, what="the first notices")
            assert "INSTANCE" in first.fenced
            await bench.send(0, "b")
            await until(lambda: bench.applied == {"a": 1, "b": 1}, what="the second consumes")
            assert first.fenced
            assert second.fenced is None
            assert second.problem is None
        await until(lambda: first.fenced is None, what="the first goes on", seconds=30)
        await bench.send(0, "c")
        await until(lambda: bench.applied == {"a": 1, "b": 1, "c": 1}, what="it consumes")


async def test_a_handler_that_takes_longer_than_a_poll_may_comes_back_into_its_group(bench, monkeypatch):
    start = AIOKafkaConsumer.start

    async def impatient(self) -> None:
        self._max_poll_interval_ms = 1000
        await start(self)

    monkeypatch.setattr(AIOKafkaConsumer, "start", impatient)
    handle, long = bench.handle, asyncio.Event()

    async def take_long(unit: UnitOfWork, batch: Sequence[Received]) -> None:
        await long.wait()
        await handle(unit, batch)

    monkeypatch.setattr(bench, "handle", take_long)
    async with bench.consuming() as consumers:
        await bench.send(0, "a")
        await asyncio.sleep(3)  # to show that nothing but the interval has passed
        await bench.send(1, "b")
        long.set()
        await until(lambda: bench.applied == {"a": 1, "b": 1}, what="all is applied once", seconds=30)
        await until(lambda: not consumers.problem and not consumers.fenced, what="all is well")


async def test_a_consumer_that_will_not_recover_is_made_anew(bench, monkeypatch):
    monkeypatch.setattr(poll, "_RENEW_AFTER_FAILURES", 2)
    monkeypatch.setattr(poll, "_PAUSE_SECONDS", 0.05)
    getmany, dead = AIOKafkaConsumer.getmany, []

    async def end_for_good(self, *partitions, **options):
        if self._group_id == f"{bench.group}.payments" and self in (dead or [self]):
            dead[:] = [self]
            raise KafkaError("Unexpected error during coordination")
        return await getmany(self, *partitions, **options)

    monkeypatch.setattr(AIOKafkaConsumer, "getmany", end_for_good)
    consumers = Consumers(bench.access, bench.group, "0")
    subscription = Subscription("payments", (bench.topic,), bench.handle)
    consumers.add(subscription, BatchConsumer(subscription, bench.database, bench.group))
    with pytest.raises(KafkaError, match="during coordination"):
        await consumers.run()
    again = asyncio.create_task(consumers.run())
    try:
        await bench.send(0, "a")
        await until(lambda: bench.applied == {"a": 1}, what="the new consumer consumes")
        assert consumers.problem is None
    finally:
        again.cancel()
        await asyncio.gather(again, return_exceptions=True)


async def test_a_partition_that_rests_rests_with_whoever_has_it_after_a_rebalance(bench):
    bad = await poison(bench.access, bench.topic.name, 4)
    place = Place(f"{bench.group}.payments", TopicPartition(bench.topic.name, 4), bad)
    async with bench.consuming("0") as first:
        await until(lambda: first.resting, what="it rests with the only one")
        async with bench.consuming("1") as second:
            for partition in range(bench.topic.partitions):
                await bench.send(partition, f"{partition}")
            others = {str(partition): 1 for partition in range(bench.topic.partitions) if partition != 4}
            await until(lambda: bench.applied == others, what="all else is applied", seconds=30)
            await until(
                lambda: bool(first.resting) != bool(second.resting), what="it rests with one of both", seconds=30
            )
            await step_over(bench.database, bench.access, place)
            await until(lambda: bench.applied == others | {"4": 1}, what="all is applied", seconds=30)
            await until(lambda: not first.resting and not second.resting, what="none rests")
