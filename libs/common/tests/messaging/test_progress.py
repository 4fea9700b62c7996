"""A group whose batches fail says so: a new release that can apply none is not ready, a replica that could once is degraded."""

from collections.abc import Sequence
from contextlib import asynccontextmanager

import pytest
from prometheus_client import REGISTRY

from malipo.messaging import progress
from malipo.messaging.progress import Progress
from malipo.messaging.runtime import Runtime
from malipo.messaging.subscription import Received, Subscription
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.platform.settings import ServiceSettings
from testkit.owning import as_owner
from testkit.service import client_of
from testkit.waiting import until

TAKEN = "ALTER TABLE timers RENAME TO timers_of_another_release"
GIVEN = "ALTER TABLE timers_of_another_release RENAME TO timers"


class Replica:
    """A service of the bench's name, whose batches need the table of timers."""

    def __init__(self, bench) -> None:
        self._bench = bench
        settings = ServiceSettings(database_url=bench.database_url, kafka_bootstrap=bench.kafka, environment="test")
        self.runtime = Runtime(bench.group, settings)
        self.runtime.subscribe(Subscription("payments", (bench.topic,), self._handle), called=True)

    async def _handle(self, unit: UnitOfWork, batch: Sequence[Received]) -> None:
        await unit.transaction.fetchval("SELECT count(*) FROM timers")
        await self._bench.handle(unit, batch)

    @asynccontextmanager
    async def running(self):
        async with self.runtime.running(), client_of(self.runtime.application().admin) as http:
            await until(lambda: self.is_ready, what="ready")
            yield http

    @property
    def is_ready(self) -> bool:
        return not self.runtime.health.problems() and not self.runtime.health.warnings()

    @property
    def failed(self) -> float:
        return REGISTRY.get_sample_value("malipo_batches_failed_total", {"group": f"{self._bench.group}.payments"})


async def told(http, check: str):
    """The page, once it has something to say by this check."""

    async def page():
        answer = await http.get("/health/ready")
        return answer if check in answer.json()["problems"] else None

    return await until(page, what=check)


async def test_a_replica_that_can_apply_nothing_since_its_start_is_not_ready_and_says_why_until_it_can(bench):
    replica = Replica(bench)
    async with replica.running() as http:
        assert replica.failed == 0
        await as_owner(bench.database_url, TAKEN)
        await bench.send(0, "can_1")
        answer = await told(http, "applying")
        assert (answer.status_code, answer.json()["status"]) == (503, "not ready")
        why = answer.json()["problems"]["applying"]
        assert why.startswith(f"{bench.group}.payments: no batch could be applied since this process began: ")
        assert 'UndefinedTableError: relation "timers" does not exist' in why
        await until(lambda: replica.failed > 1, what="it is tried again and counted")
        await as_owner(bench.database_url, GIVEN)
        await until(lambda: bench.applied["can_1"], what="applied")
        await until(lambda: replica.is_ready, what="ready")


async def test_a_replica_whose_batches_fail_later_is_degraded_and_says_for_how_long_until_one_is_applied(
    bench, monkeypatch
):
    monkeypatch.setattr(progress, "_PATIENCE_SECONDS", 1.0)
    replica = Replica(bench)
    async with replica.running() as http:
        await bench.send(0, "can_1")
        await until(lambda: bench.applied["can_1"], what="applied")
        await as_owner(bench.database_url, TAKEN)
        await bench.send(0, "can_2")
        answer = await told(http, "batches")
        assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
        assert f"{bench.group}.payments: its batches have failed for " in answer.json()["problems"]["batches"]
        await as_owner(bench.database_url, GIVEN)
        await until(lambda: bench.applied["can_2"], what="applied")
        await until(lambda: replica.is_ready, what="ready")


async def test_while_the_whole_database_is_away_that_alone_is_told(bench, monkeypatch):
    monkeypatch.setattr(progress, "_PATIENCE_SECONDS", 0.0)
    replica = Replica(bench)
    async with replica.running() as http:
        # What every second's look at the database needs, and every batch.
        await as_owner(bench.database_url, "ALTER TABLE outbox RENAME TO outbox_of_another_release", TAKEN)
        await told(http, "database")
        await bench.send(0, "can_1")
        await until(lambda: replica.failed > 1, what="batches fail")
        problems = (await http.get("/health/ready")).json()["problems"]
        assert "database" in problems
        assert problems.keys().isdisjoint({"applying", "batches"})


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """The time, which only the test moves."""
    seconds = [1000.0]
    monkeypatch.setattr(progress.clock, "monotonic", lambda: seconds[0])
    return seconds


def test_what_was_applied_before_is_given_half_a_minute_to_mend_itself(clock):
    one = Progress("some.group")
    one.applied()
    one.failed("DeadlockDetectedError: for now")
    clock[0] += 29
    assert one.stuck is None
    one.failed("InsufficientPrivilegeError: permission denied for table payments")
    clock[0] += 2
    assert one.stuck == (
        "some.group: its batches have failed for 31 s: InsufficientPrivilegeError: permission denied for table payments"
    )
    assert one.unproven is None
    one.applied()
    assert one.stuck is None


def test_a_partition_that_is_another_replicas_by_now_is_nobodys_trouble_here(clock):
    one = Progress("some.group")
    one.failed("UndefinedColumnError: it is gone")
    assert one.unproven is not None
    one.reassigned()
    assert (one.unproven, one.stuck) == (None, None)
