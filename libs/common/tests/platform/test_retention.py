"""Months of tables: made ahead, dropped when they are over and nobody needs them, archived and restored."""

import asyncio
import gzip
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from malipo import clock, ids
from malipo.messaging.database import applied
from malipo.messaging.tables import INBOX
from malipo.platform import migrations, partitions, retention_command
from malipo.platform.archives import Archive, Damaged
from malipo.platform.months import Need, monthly, monthly_of
from malipo.platform.retention import Keeper
from orchestrator import tables
from testkit.owning import owners
from testkit.waiting import until

(inbox,) = monthly([INBOX])
(history,) = monthly_of([tables.metadata])


async def test_months_are_made_ahead_and_only_once(world):
    assert await partitions.held(world.connection, inbox) == world.now.to(world.now.plus(partitions.AHEAD))
    assert await partitions.make_ahead(world.connection, [inbox, history]) == []


async def test_a_month_that_is_over_is_dropped_with_its_rows_and_its_neighbours_stay(world):
    await world.made(inbox, 14, 12, 1)
    for months_ago in (14, 12, 1, 0):
        await world.receive(months_ago)
    gone, told = await world.retire(inbox, days=380)
    assert gone
    assert told == f"inbox {world.ago(14)} is gone"
    assert await world.months(inbox) == [world.ago(12), world.ago(1), world.now]
    assert await world.count("inbox") == 3


async def test_what_is_kept_for_ever_stays(world):
    await world.made(history, 50)
    assert await world.retire(history, days=None) == (True, "")
    assert await world.months(history) == [world.ago(50), world.now]


async def test_a_repeat_a_month_later_is_still_known_and_one_of_a_month_that_is_gone_is_there_once(world):
    await world.made(inbox, 2, 1)
    message_id = await world.receive(2)
    with pytest.raises(asyncpg.UniqueViolationError):
        await world.connection.execute("INSERT INTO inbox VALUES ('some.consumer', $1)", message_id)
    await world.connection.execute("INSERT INTO inbox VALUES ('another.consumer', $1)", message_id)
    await world.receive(20)
    assert await world.count("inbox_default") == 1
    old = await world.connection.fetchval("SELECT message_id FROM inbox_default")
    with pytest.raises(asyncpg.UniqueViolationError):
        await world.connection.execute("INSERT INTO inbox VALUES ('some.consumer', $1)", old)


async def test_messages_of_every_month_and_shape_are_known_however_they_are_asked_for(world):
    await world.made(inbox, 2, 1)
    known = {await world.receive(months_ago) for months_ago in (30, 2, 1, 0)} | {"dlq:a/1/2", "zz", "\N{SNOWMAN}"}
    for message_id in ("dlq:a/1/2", "zz", "\N{SNOWMAN}"):
        await world.connection.execute("INSERT INTO inbox VALUES ('some.consumer', $1)", message_id)
    others = {ids.new("msg", world.ago(months_ago).begins) for months_ago in range(4)}
    assert await applied(world.connection, "some.consumer", known | others) == known
    assert await applied(world.connection, "another.consumer", known | others) == set()
    assert await applied(world.connection, "some.consumer", []) == set()


async def test_a_month_of_the_inbox_stays_while_a_message_of_it_that_came_late_may_come_again(world):
    await world.made(inbox, 20)
    message_id = await world.receive(20, received=1)
    gone, told = await world.retire(inbox)
    assert not gone
    assert told == (
        f"inbox {world.ago(20)} stays: messages of it came within the last 100 days, and may come again: {message_id}"
    )
    assert world.ago(20) in await world.months(inbox)


async def test_the_history_of_a_payment_that_has_not_ended_stays_and_all_that_is_later_with_it(world):
    await world.made(history, 20, 19)
    payment_id = await world.pay(20)
    await world.pay(19)
    await world.connection.execute("INSERT INTO timers VALUES ($1, $1, now())", payment_id)
    gone, told = await world.retire(history)
    assert not gone
    assert told == f"history {world.ago(20)} stays: payments of it have not ended: {payment_id}"
    assert await world.count("history") == 2
    await world.connection.execute("DELETE FROM timers")
    assert (await world.retire(history))[0]
    assert await world.count("history") == 0


async def test_the_history_of_a_payment_that_may_still_be_resent_stays(world):
    await world.made(history, 20)
    payment_id = await world.pay(20, recorded=1)
    gone, told = await world.retire(history)
    assert not gone
    assert f"may be resent: {payment_id} step 1" in told


async def test_of_many_rows_that_keep_a_month_a_few_are_named(world):
    await world.made(inbox, 20)
    for _ in range(7):
        await world.receive(20, received=0)
    _, told = await world.retire(inbox)
    assert told.count("msg_") == 5
    assert told.endswith(", and more")


async def test_an_archived_month_is_gone_from_the_database_and_comes_back_as_it_was(world, tmp_path):
    await world.made(history, 20)
    payment_id = await world.pay(20)
    before = await world.connection.fetch("SELECT * FROM history")
    gone, told = await world.retire(history, archive=tmp_path)
    assert gone
    assert told == f"history {world.ago(20)} is gone, its 1 rows are in {tmp_path}"
    assert await world.count("history") == 0
    archive = Archive.of(tmp_path, "orchestrator", history, world.ago(20))
    assert archive.verified().rows == 1
    with gzip.open(archive.rows, "rt") as text:
        assert text.read().startswith("payment_id,step,")
    await partitions.make(world.connection, history, world.ago(20), lambda part: archive.load(world.connection, part))
    assert await world.connection.fetch("SELECT * FROM history") == before
    assert payment_id in str(before)
    assert (await world.retire(history, archive=tmp_path))[0]  # over the same archive


async def test_what_the_inbox_knew_is_of_no_use_in_an_archive(world, tmp_path):
    await world.made(inbox, 20)
    await world.receive(20)
    assert (await world.retire(inbox, archive=tmp_path))[0]
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
async def archive(world, tmp_path) -> Archive:
    await world.made(history, 20)
    for _ in range(50):
        await world.pay(20)
    archive = Archive.of(tmp_path, "orchestrator", history, world.ago(20))
    await archive.write(world.connection, "orchestrator", history, world.ago(20))
    return archive


async def test_an_archive_that_is_cut_short_is_refused(archive):
    archive.rows.write_bytes(archive.rows.read_bytes()[:-100])
    with pytest.raises(Damaged, match=r"is not as its manifest says: it has \d+ bytes, and was written with \d+"):
        archive.verified()


async def test_an_archive_that_was_altered_is_refused(archive):
    with gzip.open(archive.rows) as rows:
        text = rows.read()
    size = archive.rows.stat().st_size
    altered = bytearray(archive.rows.read_bytes())
    altered[size // 2] ^= 1
    archive.rows.write_bytes(altered)
    with pytest.raises(Damaged, match="altered"):
        archive.verified()
    archive.rows.write_bytes(gzip.compress(text))
    with pytest.raises(Damaged):
        archive.verified()


async def test_an_archive_without_its_manifest_was_never_written_to_its_end(archive):
    archive.manifest.unlink()
    with pytest.raises(Damaged, match="cannot be read"):
        archive.verified()


async def test_an_archive_is_not_replaced_by_one_of_fewer_rows(world, archive):
    await world.connection.execute("DELETE FROM history WHERE payment_id = (SELECT min(payment_id) FROM history)")
    with pytest.raises(Damaged, match="has 1 rows of this month that the database has not"):
        await archive.write(world.connection, "orchestrator", history, world.ago(20))
    assert archive.verified().rows == 50


class Busy:
    """A connection of a database where a step is written just after a month was copied out."""

    def __init__(self, world) -> None:
        self._world = world

    def __getattr__(self, name: str):
        return getattr(self._world.connection, name)

    async def copy_from_query(self, *args, **options) -> str:
        done = await self._world.connection.copy_from_query(*args, **options)
        await self._world.pay(20)
        return done


async def test_a_month_stays_when_rows_came_while_it_was_archived(world, archive):
    keeper = replace(world.keeper(history, archive=archive.rows.parent), connection=Busy(world))
    told: list[str] = []
    assert not await keeper.retire(told.append)
    assert told == [f"history {world.ago(20)} stays: 1 rows came while it was archived; run it again"]
    assert await world.count("history") == 51


class Locking:
    """A connection that calls `before` once, before it locks a month, and then knows how all is planned that it reads."""

    def __init__(self, connection, before=None) -> None:
        self._connection = connection
        self._before = before
        self._locks = False
        self.plans: dict[str, str] = {}

    def __getattr__(self, name: str):
        return getattr(self._connection, name)

    async def execute(self, query: str) -> None:
        if query.startswith("LOCK TABLE") and not self._locks:
            self._locks = True
            if self._before:
                await self._before()
        await self._connection.execute(query)

    async def fetch(self, query: str, *args) -> list:
        await self._explain(query)
        return await self._connection.fetch(query, *args)

    async def fetchval(self, query: str, *args):
        await self._explain(query)
        return await self._connection.fetchval(query, *args)

    async def _explain(self, query: str) -> None:
        if self._locks:
            plan = await self._connection.fetch(f"EXPLAIN {query}")
            self.plans[query] = "\n".join(line["QUERY PLAN"] for line in plan)


@pytest.mark.parametrize("package", ["orchestrator", "gateway"])
async def test_while_nobody_may_write_to_a_month_it_is_not_read_whole(new_database, package, tmp_path):
    connection = await asyncpg.connect(owners(new_database(package)))
    try:
        months = (await partitions.present(connection)).plus(-20)
        for table in monthly_of(migrations.tables_of(package)):
            await partitions.make(connection, table, months)
            watched = Locking(connection)
            keeper = Keeper(watched, package, [table], {table.name: 200}, tmp_path)
            assert await keeper.retire(lambda _: None)
            assert all("Cond: (" in plan for plan in watched.plans.values()), watched.plans
            assert bool(watched.plans) == (table.by.lately is not None)
    finally:
        await connection.close()


async def test_a_month_stays_when_something_came_after_it_was_looked_through(world, archive):
    async def come() -> None:
        await world.pay(20, recorded=0)

    keeper = replace(
        world.keeper(history, archive=archive.rows.parent), connection=Locking(world.connection, before=come)
    )
    told: list[str] = []
    assert not await keeper.retire(told.append)
    assert "may be resent: pay_" in told[0]
    assert world.ago(20) in await world.months(history)


async def test_who_writes_to_a_month_waits_no_longer_than_a_while_for_it_to_go(world):
    await world.made(inbox, 20)
    await world.receive(20)
    slowly = "SELECT pg_sleep(600)::text FROM pg_locks WHERE relation = '{part}'::regclass AND mode = 'ShareLock'"
    slow = replace(inbox, by=replace(inbox.by, lately=Need("it is slow", slowly)))
    gone, told = await world.retire(slow)
    assert not gone
    assert told == (
        f"inbox {world.ago(20)} stays: who writes to it would have waited for longer than 2 s; "
        f"`VACUUM ANALYZE {inbox.part(world.ago(20))}`, and run it again when there is less to do"
    )
    await world.receive(20)
    assert (await world.retire(inbox))[0]


WAITS_FOR_PAYMENTS = "SELECT count(*) FROM pg_locks WHERE relation = 'payments'::regclass AND NOT granted"


async def test_who_is_at_work_on_a_payment_does_not_wait_for_an_old_month_that_waits_for_him(world):
    await world.made(history, 20)
    payment_id = await world.pay(0)
    async with (
        asyncpg.create_pool(world.url, min_size=2, max_size=2) as pool,
        pool.acquire() as writer,
        asyncio.TaskGroup() as group,
    ):
        async with writer.transaction():
            await writer.execute("UPDATE payments SET step = 2")
            retiring = group.create_task(world.retire(history))
            await until(lambda: pool.fetchval(WAITS_FOR_PAYMENTS), what="the month's wait")
            await writer.execute("SET LOCAL lock_timeout = '1ms'")
            await writer.execute("UPDATE history SET detail = 'now' WHERE payment_id = $1", payment_id)
        assert (await retiring)[0]


def run(url: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"DATABASE_URL": url, "ENVIRONMENT": "test"} | settings
    command = [sys.executable, "-m", "orchestrator", "retention", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


async def test_the_command_makes_and_ends_months_and_says_what_is_kept(world, tmp_path):
    await world.made(history, 20)
    await world.pay(20)
    done = run(owners(world.url), "--archive", str(tmp_path), HISTORY_DAYS="300")
    assert (done.returncode, done.stderr) == (0, "")
    ahead = world.now.plus(partitions.AHEAD)
    assert done.stdout.splitlines() == [
        f"history {world.ago(20)} is gone, its 1 rows are in {tmp_path}",
        f"inbox: {world.now} to {ahead}, kept for 100 days after a month's end (INBOX_DAYS)",
        f"history: {world.now} to {ahead}, kept for 300 days after a month's end (HISTORY_DAYS)",
    ]
    (rows,) = tmp_path.glob("*.csv.gz")
    back = run(owners(world.url), "--restore", str(rows))
    assert back.stdout == f"history {world.ago(20)} is back, with 1 rows; the next run ends it again if it is over\n"
    assert await world.count("history") == 1
    twice = run(owners(world.url), "--restore", str(rows))
    assert (twice.returncode, twice.stdout) == (1, "")
    assert "is there" in twice.stderr
    sizes = run(owners(world.url), "--sizes").stdout
    for part in (history.part(world.ago(20)), "history_default", "history_undated", "inbox_undated"):
        assert part in sizes


async def test_the_command_ends_with_1_while_something_old_is_needed_and_is_refused_to_the_role_that_serves(world):
    await world.made(inbox, 20)
    await world.receive(20, received=0)
    assert run(owners(world.url)).returncode == 1
    await world.connection.execute(f"DROP TABLE {inbox.part(world.now.plus(partitions.AHEAD))}")
    refused = run(world.url)
    assert refused.returncode == 1
    assert "has to name the role that owns the tables" in refused.stderr


async def test_the_command_waits_for_no_other_that_is_at_work(world):
    await world.connection.execute("SELECT pg_advisory_lock(0x6D616C72)")
    assert "another `retention` or `migrate` is at work" in run(owners(world.url)).stderr


async def test_a_table_that_somebody_holds_is_left_for_later_and_stops_no_release(world):
    newest = inbox.part(world.now.plus(partitions.AHEAD))
    await world.connection.execute(f"DROP TABLE {newest}")
    reader = await asyncpg.connect(world.url)
    try:
        async with reader.transaction():
            await reader.fetch("SELECT * FROM inbox")
            told = await asyncio.to_thread(migrations.migrate, "orchestrator", owners(world.url))
    finally:
        await reader.close()
    assert told.startswith(f"nothing to do: at 0001; {newest} was not made: another session holds the table")
    assert "run `python -m orchestrator retention` later" in told
    again = await asyncio.to_thread(migrations.migrate, "orchestrator", owners(world.url))
    assert again == "nothing to do: at 0001"
    assert world.now.plus(partitions.AHEAD) in await partitions.held(world.connection, inbox)


async def test_a_release_by_the_role_that_serves_is_refused_where_a_month_is_missing(world):
    await world.connection.execute(f"DROP TABLE {inbox.part(world.now.plus(partitions.AHEAD))}")
    with pytest.raises(migrations.NotMigrated, match="to migrate takes malipo_orchestrator_owner"):
        await asyncio.to_thread(migrations.migrate, "orchestrator", world.url)


@pytest.mark.parametrize("days", [2, -400], ids=["behind", "ahead"])
async def test_nothing_is_archived_or_dropped_while_postgresqls_clock_is_days_off(world, tmp_path, monkeypatch, days):
    await world.made(history, 20)
    await world.pay(20)
    ours = clock.now() + timedelta(days=days)
    monkeypatch.setattr(clock, "now", lambda: ours)
    monkeypatch.setenv("DATABASE_URL", owners(world.url))
    monkeypatch.setenv("ENVIRONMENT", "test")
    monkeypatch.setenv("HISTORY_DAYS", "300")
    with pytest.raises(SystemExit) as ended:
        await asyncio.to_thread(
            retention_command.run, "orchestrator", "orchestrator", archive=tmp_path, restore=None, show=False
        )
    assert "not done: nothing is dropped while clocks differ by more than a day: it is 20" in str(ended.value)
    assert f"by PostgreSQL's, and {clock.iso(ours)} where this runs; set the one that is wrong" in str(ended.value)
    assert await world.count("history") == 1
    assert list(tmp_path.iterdir()) == []


async def test_clocks_that_differ_by_hours_are_no_hindrance(world, monkeypatch):
    await world.made(inbox, 20)
    ours = clock.now() + timedelta(hours=20)
    monkeypatch.setattr(clock, "now", lambda: ours)
    assert (await world.retire(inbox))[0]
