"""Offsets with a consumer whose Kafka is away."""

import asyncio

from aiokafka import TopicPartition

from malipo.messaging.offsets import Offsets
from testkit.waiting import until

PARTITION = TopicPartition("topic", 0)
APPLIED = {PARTITION: 42}


class Group:
    """A consumer that commits, or waits for ever."""

    def __init__(self, *, away: bool) -> None:
        self.away = away
        self.asked = 0
        self.held = frozenset({PARTITION})
        self.committed: dict[TopicPartition, int] = {}

    def assignment(self) -> frozenset[TopicPartition]:
        return self.held

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        self.asked += 1
        if self.away:
            await asyncio.Event().wait()
        self.committed |= offsets


async def test_a_group_whose_commit_hangs_holds_up_neither_the_others_nor_a_stop(monkeypatch):
    monkeypatch.setattr("malipo.messaging.offsets._COMMIT_SECONDS", 0.05)
    offsets, stuck, well = Offsets(), Group(away=True), Group(away=False)
    running = asyncio.create_task(offsets.run())
    for group in (stuck, well):
        offsets.applied(group, APPLIED)
    await until(lambda: well.committed == APPLIED, what="the other group's offset is committed")
    offsets.applied(stuck, APPLIED)
    running.cancel()
    done, _ = await asyncio.wait([running], timeout=10)
    assert done
    assert stuck.asked >= 2


async def test_what_could_not_be_committed_is_committed_when_kafka_is_back(monkeypatch):
    monkeypatch.setattr("malipo.messaging.offsets._COMMIT_SECONDS", 0.05)
    offsets, group = Offsets(), Group(away=True)
    running = asyncio.create_task(offsets.run())
    offsets.applied(group, APPLIED)
    await until(lambda: group.asked >= 2, what="it is tried again though nothing more came")
    group.away = False
    await until(lambda: group.committed == APPLIED, what="the offset is committed")
    running.cancel()
    await asyncio.wait([running], timeout=10)


async def test_a_stop_in_the_middle_of_a_commit_commits_for_the_other_groups():
    offsets, stuck, well = Offsets(), Group(away=True), Group(away=False)
    for group in (stuck, well):
        offsets.applied(group, APPLIED)
    running = asyncio.create_task(offsets.run())
    await until(lambda: stuck.asked, what="a commit is under way")
    running.cancel()
    await asyncio.wait([running], timeout=10)
    assert well.committed == APPLIED


async def test_what_another_member_commits_by_now_is_no_problem_any_more(monkeypatch):
    monkeypatch.setattr("malipo.messaging.offsets._COMMIT_SECONDS", 0.02)
    monkeypatch.setattr("malipo.messaging.offsets._TOLERATED_SECONDS", 0.0)
    offsets, group = Offsets(), Group(away=True)
    running = asyncio.create_task(offsets.run())
    offsets.applied(group, APPLIED)
    await until(lambda: offsets.problem, what="it is told that nothing is committed")
    group.held = frozenset()
    await until(lambda: offsets.problem is None, what="it is told no longer")
    running.cancel()
    await asyncio.wait([running], timeout=10)
