"""Who is in a group of a real Kafka, as replicas come and go."""

from malipo.messaging.security import KafkaAccess
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
