"""Partitions that an operator adds to a topic are read, also by a process that was started again a moment before."""

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from malipo.messaging import broker
from testkit.waiting import until


@pytest.fixture(autouse=True)
def _soon_known(monkeypatch):
    monkeypatch.setattr(broker, "METADATA_MS", 500)


async def add_partitions(bench, total: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bench.kafka)
    await admin.start()
    try:
        await admin.create_partitions({bench.topic.name: NewPartitions(total)})
    finally:
        await admin.close()


@pytest.mark.parametrize("restarts", [0, 1, 2])
async def test_what_is_sent_to_an_added_partition_is_applied_however_the_process_came_to_its_partitions(
    bench, restarts
):
    for number in range(restarts):
        async with bench.consuming():
            await bench.send(0, f"before {number}")
            await until(lambda number=number: bench.applied[f"before {number}"], what="it consumes")
    async with bench.consuming():
        await bench.send(0, "first")
        await until(lambda: bench.applied["first"], what="it consumes")
        await add_partitions(bench, 8)
        await bench.send(7, "added")
        await until(lambda: bench.applied["added"], what="the added partition is read", seconds=30)
    assert bench.applied["added"] == bench.applied["first"] == 1
