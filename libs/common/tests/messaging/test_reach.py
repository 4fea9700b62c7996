"""Whether Kafka is there, asked through a consumer that is made up."""

import asyncio

import pytest
from aiokafka.errors import KafkaError
from structlog.testing import capture_logs

from malipo import clock
from malipo.messaging import reach
from malipo.messaging.reach import Reach
from malipo.messaging.security import KafkaAccess
from testkit.waiting import until


class Consumer:
    """Answers while `there`; else it refuses or, when `hangs`, says nothing until it is there again."""

    def __init__(self, *, hangs: bool) -> None:
        self.there = asyncio.Event()
        self.there.set()
        self.hangs = hangs

    async def topics(self) -> set[str]:
        if self.hangs:
            await self.there.wait()
        if not self.there.is_set():
            raise KafkaError
        return set()


async def test_silence_counts_from_the_latest_answer_whoever_had_it(monkeypatch):
    monkeypatch.setattr(reach, "_ASK_SECONDS", 0.01)
    monkeypatch.setattr(reach, "SILENT_SECONDS", 0.1)
    consumer, seen = Consumer(hangs=True), Reach(KafkaAccess("127.0.0.1:1"))
    consumer.there.clear()
    watching = asyncio.create_task(seen.watch(consumer))
    try:
        await until(lambda: seen.problem, what="it is noticed")
        found_at = clock.monotonic()
        seen.found()
        assert seen.problem is None
        await until(lambda: seen.problem, what="it is silent again")
        assert seen.away_seconds <= clock.monotonic() - found_at
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_kafka_that_is_silent_is_away_and_then_back_and_each_is_logged_once(monkeypatch, hangs):
    monkeypatch.setattr(reach, "_ASK_SECONDS", 0.01)
    monkeypatch.setattr(reach, "SILENT_SECONDS", 0.1)
    consumer, seen = Consumer(hangs=hangs), Reach(KafkaAccess("127.0.0.1:1"))
    with capture_logs() as logs:
        watching = asyncio.create_task(seen.watch(consumer))
        try:
            for _ in range(2):
                consumer.there.clear()
                await until(
                    lambda: seen.problem == "Kafka away: no broker answers at 127.0.0.1:1", what="it is noticed"
                )
                consumer.there.set()
                await until(lambda: seen.problem is None, what="it is back")
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
    assert [line["event"] for line in logs] == ["kafka away", "kafka is back"] * 2
    assert [line["away_seconds"] >= 0.1 for line in logs[1::2]] == [True, True]
    assert seen.away_seconds == 0
