"""Who is in a group of a real Kafka, as replicas come and go."""

import asyncio

import pytest

from malipo.contracts.topics import PAYMENT_COMMANDS
from malipo.messaging.batch_consumer import BatchConsumer
from malipo.messaging.consumers import Consumers
from malipo.messaging.database import Database
from malipo.messaging.reach import Reach
from malipo.messaging.security import KafkaAccess
from malipo.messaging.subscription import Subscription
from testkit.groups import members
from testkit.waiting import until


async def test_a_replica_that_is_stopped_has_left_its_group_when_it_has_ended(bench):
    kafka = KafkaAccess(bench.kafka)
    async with bench.consuming("new"):
        async with bench.consuming("old"):
            assert await members(kafka, bench.group) == {f"{bench.group}.new", f"{bench.group}.old"}
        assert await members(kafka, bench.group) == {f"{bench.group}.new"}
    assert await members(kafka, bench.group) == set()


async def test_what_a_stopped_replica_has_applied_is_committed_before_it_leaves(bench):
    async with bench.consuming():
        await bench.send(0, *map(str, range(20)))
        await until(lambda: len(bench.applied) == 20, what="all are applied")
    assert (await bench.committed())[0] == 20


async def test_a_replica_that_has_reached_no_broker_stops_without_a_failure():
    kafka = KafkaAccess("127.0.0.1:1")
    reach = Reach(kafka)
    consumers = Consumers(kafka, "orchestrator", "test", reach)
    for name in ("payments", "others"):
        subscription = Subscription(name, (PAYMENT_COMMANDS,), handle=None)
        consumers.add(subscription, BatchConsumer(subscription, Database(), "orchestrator"))
    task = asyncio.create_task(consumers.run())
    await until(lambda: reach.problem, what="it tries")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
