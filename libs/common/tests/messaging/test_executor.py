"""The executor with a table in memory."""

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass

import asyncpg
import pytest

from malipo.messaging import executor as executor_module
from malipo.messaging.executor import Executor, Lease
from testkit.waiting import until


@dataclass(frozen=True)
class Row:
    id: str


class Table:
    """Due rows; notes what was claimed, run and renewed."""

    def __init__(self, *ids: str) -> None:
        self.due = list(ids)
        self.ran: list[str] = []
        self.claims = 0
        self.renewed = 0
        self.excluded: list[str] = []
        self.go = asyncio.Event()
        self.renew_error: Exception | None = None
        self.claim_error: Exception | None = None
        self.answer = asyncio.Event()
        self.answer.set()
        self.handed_back: list[str] = []

    async def claim(self, lease: Lease, count: int, running) -> list[Row]:
        self.claims += 1
        self.excluded = list(running)
        claimed, self.due = self.due[:count], self.due[count:]
        await self.answer.wait()
        if self.claim_error:
            raise self.claim_error
        return [Row(row_id) for row_id in claimed]

    async def run(self, row: Row) -> None:
        await self.go.wait()
        self.ran.append(row.id)

    async def renew(self, lease: Lease, ids) -> None:
        self.renewed += 1
        if lease.seconds == 0:
            self.handed_back += ids
        if self.renew_error:
            raise self.renew_error


@pytest.fixture
async def start():
    tasks = []

    def begin(table: Table, limit: int = 2, **options) -> Executor:
        executor = Executor(
            "test", claim=table.claim, run=table.run, renew=table.renew, limit=limit, lease_seconds=0.2, **options
        )
        tasks.append(asyncio.create_task(executor.run()))
        executor.task = tasks[-1]
        return executor

    yield begin
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_no_more_than_the_limit_runs_at_once_and_all_run_in_the_end(start):
    table = Table("a", "b", "c")
    start(table)
    await until(lambda: len(table.due) == 1, what="two are claimed")
    table.go.set()
    await until(lambda: table.ran == ["a", "b", "c"], what="all ran")


async def test_a_row_that_ends_while_there_was_room_for_all_starts_no_look_for_others(start):
    table = Table("a")
    executor = start(table, limit=2, poll_seconds=3600)
    table.go.set()
    await until(lambda: table.ran == ["a"], what="it ran")
    table.due.append("b")
    executor.nudge()
    await until(lambda: table.ran == ["a", "b"], what="the nudge made it look")
    assert table.claims == 2


async def test_while_nothing_is_due_it_looks_ever_more_seldom_and_soon_again_once_something_runs(start, monkeypatch):
    monkeypatch.setattr(executor_module, "_LONGEST_REST_SECONDS", 0.04)
    table = Table()
    executor = start(table, poll_seconds=0.01)
    await until(lambda: executor._rest_seconds == 0.04, what="it rests for as long as it may")
    table.due.append("a")
    executor.nudge()
    await until(lambda: executor._rest_seconds == 0.01, what="it looks as often as at first")
    table.go.set()
    await until(lambda: table.ran == ["a"], what="the row runs to its end")


async def test_leases_are_renewed_on_after_a_renewal_that_failed(start):
    table = Table("a")
    table.renew_error = asyncpg.DeadlockDetectedError("boom")
    start(table)
    await until(lambda: table.renewed >= 3, what="renewals go on")
    table.go.set()


async def test_what_still_runs_here_is_not_claimed_a_second_time(start):
    table = Table("a")
    executor = start(table)
    await until(lambda: not table.due, what="claimed")
    executor.nudge()
    await until(lambda: table.excluded == ["a"], what="the claim leaves out what runs")
    table.go.set()


async def test_stopping_lets_what_runs_finish_with_its_lease_renewed(start):
    table = Table("a")
    executor = start(table)
    await until(lambda: not table.due, what="claimed")
    executor.task.cancel()
    before = table.renewed
    await until(lambda: table.renewed >= before + 2, what="renewed while stopping")
    table.go.set()
    await until(executor.task.done, what="stopped")
    assert table.ran == ["a"]


async def test_what_a_claim_has_leased_when_it_is_stopped_is_run(start):
    table = Table("a")
    table.answer.clear()
    table.go.set()
    executor = start(table)
    await until(lambda: not table.due, what="the table has leased it")
    executor.task.cancel()
    table.answer.set()
    await until(executor.task.done, what="stopped")
    assert (table.ran, table.handed_back) == (["a"], [])


async def test_what_does_not_end_in_time_is_cut_short_and_handed_back(start, monkeypatch):
    monkeypatch.setattr(executor_module, "_FINISH_SECONDS", 0.1)
    table = Table("a", "b")
    executor = start(table)
    await until(lambda: not table.due, what="claimed")
    executor.task.cancel()
    await until(executor.task.done, what="stopped")
    assert (table.ran, sorted(table.handed_back)) == ([], ["a", "b"])


async def test_what_runs_is_neither_cut_short_nor_handed_back_because_nothing_can_be_claimed(start, monkeypatch):
    monkeypatch.setattr(executor_module, "_FINISH_SECONDS", 0.05)
    monkeypatch.setattr(executor_module, "_AWAY_SECONDS", 0.05)
    table = Table("a")
    start(table)
    await until(lambda: not table.due, what="claimed")
    table.claim_error, claims, renewed = asyncpg.DiskFullError("no space left"), table.claims, table.renewed
    await until(
        lambda: table.claims >= claims + 3 and table.renewed >= renewed + 2, what="claimed in vain, and renewed"
    )
    table.go.set()
    await until(lambda: table.ran == ["a"], what="it has come to its end")
    assert table.handed_back == []


class Silent(Table):
    """One that never answers to a renewal."""

    async def renew(self, lease: Lease, ids) -> None:
        await asyncio.Event().wait()


async def test_a_database_that_does_not_answer_holds_up_no_stop(start, monkeypatch):
    monkeypatch.setattr(executor_module, "_FINISH_SECONDS", 0.1)
    table = Silent("a")
    executor = start(table)
    await until(lambda: not table.due, what="claimed")
    executor.task.cancel()
    await until(executor.task.done, what="stopped")


async def test_a_row_that_is_handed_over_runs_at_once_and_without_a_claim(start):
    table = Table()
    executor = start(table, poll_seconds=3600)
    await until(lambda: table.claims == 1, what="it has looked once")
    await until(lambda: executor.take(Row("a")), what="taken")
    table.go.set()
    await until(lambda: table.ran == ["a"], what="it ran")
    assert table.claims == 1


async def test_no_more_is_taken_than_there_is_room_for_and_nothing_twice(start):
    table = Table()
    executor = start(table, limit=2, poll_seconds=3600)
    await until(lambda: executor.take(Row("a")), what="taken")
    assert [executor.take(Row(row_id)) for row_id in ("a", "b", "c")] == [False, True, False]
    executor.nudge()  # for what was not taken, as there may be more
    await until(lambda: executor._crowded, what="it has seen that there is no room")
    table.due.append("c")
    table.go.set()
    await until(lambda: table.ran == ["a", "b", "c"], what="it looked once there was room")


async def test_nothing_is_taken_while_a_claim_is_under_way_which_may_bring_the_same(start):
    table = Table("a")
    table.answer.clear()
    executor = start(table, limit=1, poll_seconds=3600)
    await until(lambda: not table.due, what="the table has leased it")
    assert not executor.take(Row("b"))
    table.answer.set()
    table.go.set()
    await until(lambda: table.ran == ["a"], what="it ran")


async def test_nothing_is_taken_before_it_begins_and_once_it_stops(start):
    table = Table("a")
    executor = start(table)
    assert not executor.take(Row("b"))
    await until(lambda: not table.due, what="claimed")
    executor.task.cancel()
    await until(lambda: executor._stopping, what="it stops")
    assert not executor.take(Row("b"))
    table.go.set()


async def test_what_is_handed_over_runs_in_no_context_of_who_does_that(start):
    noted = ContextVar("noted", default="nothing")
    found = []

    async def run(row: Row) -> None:
        found.append((row.id, noted.get()))

    table = Table()
    table.run = run
    executor = start(table, poll_seconds=3600)
    await until(lambda: table.claims == 1, what="it has looked once")
    noted.set("a message")
    await until(lambda: executor.take(Row("a")), what="taken")
    await until(lambda: found == [("a", "nothing")], what="it ran")
