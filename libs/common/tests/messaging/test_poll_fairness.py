"""Whom a poll that fails is laid to, with a consumer that is made up: a partition that heals, and a group without a coordinator."""

from types import SimpleNamespace

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import GroupCoordinatorNotAvailableError
from structlog.testing import capture_logs

from malipo.messaging import poll
from malipo.messaging.poll import Poll
from testkit.waiting import until

ILL, WELL = TopicPartition("t", 0), TopicPartition("t", 1)


class Consumer:
    """The part of aiokafka's consumer that a poll uses; `ILL` raises until it is healed."""

    def __init__(self) -> None:
        self.ill = True
        self.ends = {ILL: 20_000, WELL: 10}
        self.positions = {ILL: 0, WELL: 0}
        self._paused: set[TopicPartition] = set()
        self.pause, self.resume, self.highwater = self._paused.add, self._paused.discard, self.ends.get
        self.seek = self.positions.__setitem__
        self._coordinator = SimpleNamespace(_group_subscription={ILL.topic})

    def assignment(self) -> frozenset[TopicPartition]:
        return frozenset(self.positions)

    async def committed(self, _partition: TopicPartition) -> int:
        return 0

    async def getmany(self, *partitions, timeout_ms: int = 0, max_records: int = 0) -> dict:
        found = {}
        for partition in set(partitions or self.positions) - self._paused:
            if self.ill and partition == ILL:
                raise ValueError("no codec")
            first = self.positions[partition]
            beyond = min(first + max_records, self.ends[partition])
            if beyond > first:
                found[partition] = [_record(partition, offset) for offset in range(first, beyond)]
                self.positions[partition] = beyond
        return found


def _record(partition: TopicPartition, offset: int) -> ConsumerRecord:
    return ConsumerRecord(partition.topic, partition.partition, offset, 0, 0, None, b"", None, 0, 0, ())


async def test_the_neighbours_of_a_partition_that_heals_with_a_backlog_are_read_with_it(monkeypatch):
    monkeypatch.setattr(poll, "_TRY_AGAIN_SECONDS", 0.1)
    consumer = Consumer()
    polled = Poll("g", 500, _not_stepped_over, lambda *_: None)

    async def read() -> bool:
        if await polled.next(consumer):
            polled.applied(consumer, {})
        return bool(polled.resting)

    await until(read)
    consumer.ill = False

    async def heals() -> bool:
        await read()
        return consumer.positions[ILL] > 0

    await until(heals)
    consumer.ends[WELL] += 10
    for _ in range(4):
        await read()
    assert consumer.positions[WELL] == consumer.ends[WELL]
    assert consumer.positions[ILL] < consumer.ends[ILL]


async def test_no_partition_is_at_fault_while_the_group_has_no_coordinator_and_that_is_told_if_it_lasts(monkeypatch):
    monkeypatch.setattr(poll, "_PAUSE_SECONDS", 0.0)
    consumer = Consumer()

    async def fail(*_, **__) -> None:
        raise GroupCoordinatorNotAvailableError

    monkeypatch.setattr(consumer, "getmany", fail)
    polled, problems = Poll("g", 500, _not_stepped_over, lambda *_: None), []
    with capture_logs() as lines:
        for _ in range(poll._PASSING_POLLS + 2):
            await polled.next(consumer)
            problems.append(polled.problem)
    assert polled.resting == []
    assert [problem is None for problem in problems] == [True] * poll._PASSING_POLLS + [False] * 2
    assert [line["event"] for line in lines] == ["poll failed"]


async def _not_stepped_over(*_: object) -> None:
    return None
