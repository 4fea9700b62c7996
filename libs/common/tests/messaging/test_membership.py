"""Who is in a group of a real Kafka, as replicas come and go."""

from aiokafka.admin import AIOKafkaAdminClient

from testkit.waiting import until

_MEMBERS = 5
"""Of a described group: error, name, state, protocol type, protocol, members."""


async def members(bench) -> set[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bench.kafka)
    await admin.start()
    try:
        [answer] = await admin.describe_consumer_groups([f"{bench.group}.payments"])
        return {client_id for _, client_id, *_ in answer.groups[0][_MEMBERS]}
    finally:
        await admin.close()


async def test_a_replica_that_is_stopped_has_left_its_group_when_it_has_ended(bench):
    async with bench.consuming("new"):
        async with bench.consuming("old"):
            assert await members(bench) == {f"{bench.group}.new", f"{bench.group}.old"}
        assert await members(bench) == {f"{bench.group}.new"}
    assert await members(bench) == set()


async def test_what_a_stopped_replica_has_applied_is_committed_before_it_leaves(bench):
    async with bench.consuming():
        await bench.send(0, *map(str, range(20)))
        await until(lambda: len(bench.applied) == 20, what="all are applied")
    assert (await bench.committed())[0] == 20
