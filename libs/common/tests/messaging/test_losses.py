"""What Kafka deletes before a group has read it is counted and said, once, whether or not anything comes behind it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from aiokafka import TopicPartition
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from malipo.messaging import losses
from malipo.messaging.losses import Losses
from testkit.deleting import delete_records
from testkit.waiting import until

PLACE = TopicPartition("t", 0)


@pytest.fixture(autouse=True)
def hurry(monkeypatch) -> None:
    monkeypatch.setattr(losses, "_LOOK_SECONDS", 0.2)


async def delete(bench, partition: int, before_offset: int) -> None:
    await delete_records(bench.access, {TopicPartition(bench.topic.name, partition): before_offset})


def counted(bench) -> float:
    labels = {"group": f"{bench.group}.payments", "topic": bench.topic.name}
    return REGISTRY.get_sample_value("malipo_deleted_unread_messages_total", labels) or 0


@asynccontextmanager
async def told(bench) -> AsyncGenerator[list]:
    """The lines about deleted records that the block leads to; behind it all that was sent is taken."""
    found = []
    with capture_logs() as lines:
        async with bench.consuming():
            yield found
            await bench.send(1, "last")
            await until(lambda: bench.applied.pop("last", 0), what="the last message is taken")
    found += [line for line in lines if line["event"] == "messages deleted unread"]


def line_of(bench, partition: int, offset: int, messages: int) -> dict:
    return {
        "event": "messages deleted unread", "log_level": "warning", "group": f"{bench.group}.payments",
        "topic": bench.topic.name, "partition": partition, "offset": offset, "messages": messages,
    }  # fmt: skip


async def have_read(bench, partition: int, count: int) -> None:
    await bench.send(partition, *(f"read {number}" for number in range(count)))
    async with bench.consuming():
        await until(lambda: len(bench.applied) == count, what="they are read")


async def test_messages_that_were_deleted_before_the_group_had_read_them_are_counted_and_said_once(bench):
    await have_read(bench, 0, 3)
    await bench.send(0, *"abcde")
    await delete(bench, 0, 6)
    async with told(bench) as lines:
        await until(lambda: counted(bench) == 3, what="they are counted")
        await until(lambda: bench.applied["d"] == bench.applied["e"] == 1, what="what is left is taken")
    assert lines == [line_of(bench, 0, 3, 3)]
    async with told(bench) as lines:
        await bench.send(0, "f")
        await until(lambda: bench.applied["f"], what="it goes on")
    assert (lines, counted(bench)) == ([], 3)


async def test_with_nothing_left_to_read_it_is_noticed_all_the_same_and_by_nobody_again(bench):
    await have_read(bench, 0, 1)
    await bench.send(0, "a", "b")
    await delete(bench, 0, 3)
    async with told(bench) as lines:
        await until(lambda: counted(bench) == 2, what="they are counted")
    assert lines == [line_of(bench, 0, 1, 2)]
    assert (await bench.committed())[0] == 3
    async with told(bench) as lines:
        pass
    assert lines == []


async def test_what_was_deleted_after_it_had_been_read_is_no_loss(bench):
    await have_read(bench, 0, 3)
    await delete(bench, 0, 3)
    async with told(bench) as lines:
        await bench.send(0, "a")
        await until(lambda: bench.applied["a"], what="it is taken")
    assert (lines, counted(bench)) == ([], 0)


async def test_a_group_that_begins_anew_has_lost_nothing(bench):
    await bench.send(0, "a", "b", "c")
    await delete(bench, 0, 2)
    async with told(bench) as lines:
        await until(lambda: bench.applied["c"], what="what is there is taken")
    assert (lines, counted(bench)) == ([], 0)


class Consumer:
    """Kafka, as far as it says where its partitions begin."""

    def __init__(self, begin: int) -> None:
        self.begin = begin

    async def beginning_offsets(self, partitions) -> dict:
        return dict.fromkeys(partitions, self.begin)

    def assignment(self) -> frozenset:
        return frozenset({PLACE})


@pytest.mark.parametrize(("begin", "lost"), [(0, 0), (4, 0), (7, 3), (50, 6)])
async def test_of_what_is_missing_before_a_record_that_came_only_what_is_gone_from_the_log_was_deleted(begin, lost):
    """A compacted topic has gaps."""
    found = Losses("g")
    found.arrived(PLACE, expected=4, offset=10)
    await found.look(Consumer(begin))
    with capture_logs() as lines:
        found.report({PLACE: 60})
    assert [line["messages"] for line in lines] == ([lost] if lost else [])
