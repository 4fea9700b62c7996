"""Rows that are of no month, and months that are missing."""

import asyncpg
import pytest
from prometheus_client import REGISTRY

from malipo.messaging.months_watch import MonthsWatch
from malipo.messaging.tables import INBOX, metadata
from malipo.messaging.writes import purge_of
from malipo.platform import partitions
from malipo.platform.months import monthly, monthly_of
from orchestrator import tables

(inbox,) = monthly([INBOX])
(history,) = monthly_of([tables.metadata])
PUT = "INSERT INTO inbox VALUES ('some.consumer', $1)"
UNDATED = ["cred_1/evt_1", "dlq:a:topic:1:2", "mer_1/test/default/txn_1"]


def months_ahead() -> float | None:
    return REGISTRY.get_sample_value("malipo_partitions_ahead_months", {"table": "inbox"})


async def test_who_stores_what_tells_no_time_is_not_held_up_while_a_month_is_made(world):
    newest = world.now.plus(partitions.AHEAD)
    for table in (inbox, history):
        await world.connection.execute(f"DROP TABLE {table.part(newest)}")
    method = await world.pay(0, prefix="pm")
    writer = await asyncpg.connect(world.url)
    try:
        async with writer.transaction():
            for message_id in UNDATED:
                await writer.execute(PUT, message_id)
            await type(world)(world.url, writer, world.now.begins).step(method, 0, number=2)
            made = await partitions.make_ahead(world.connection, [inbox, history])
    finally:
        await writer.close()
    assert made == [inbox.part(newest), history.part(newest)]
    assert await world.count("inbox_undated") == len(UNDATED)
    assert await world.count("history_undated") == 2
    assert await world.count("inbox_default") + await world.count("history_default") == 0


async def test_what_tells_no_time_is_there_once_however_often_it_comes(world):
    for _ in range(2):
        for message_id in UNDATED:
            await world.connection.execute(f"{PUT} ON CONFLICT DO NOTHING", message_id)
        await world.lose_months(inbox)
        await partitions.make_ahead(world.connection, [inbox])
    for message_id in UNDATED:
        with pytest.raises(asyncpg.UniqueViolationError):
            await world.connection.execute(PUT, message_id)
    assert await world.count("inbox") == len(UNDATED)


async def test_single_old_rows_are_purged_where_no_month_has_them_and_nowhere_else(world):
    message_id = await world.receive(0)
    for loose in ("cred_1/evt_1", "cred_1/evt_2", "zz"):
        await world.connection.execute(PUT, loose)
    await world.connection.execute("UPDATE inbox SET received_at = now() - interval '101 days'")
    await world.connection.execute(PUT, "cred_1/evt_3")
    purge = purge_of(INBOX.c.received_at)
    assert len(await world.connection.fetch(purge, 100, 1)) == 2  # of each table one
    assert len(await world.connection.fetch(purge, 100, 1)) == 1
    left = await world.connection.fetch("SELECT message_id FROM inbox ORDER BY 1")
    assert [row["message_id"] for row in left] == ["cred_1/evt_3", message_id]


async def test_rows_without_a_month_are_kept_and_told_of_and_move_once_it_is_made(world):
    watch = MonthsWatch(metadata)
    await watch.look(world.connection)
    assert watch.problem is None
    await world.lose_months(inbox)
    await world.made(inbox, 1)
    await watch.look(world.connection)
    assert watch.problem is not None
    assert watch.problem.startswith(f"inbox has no month {world.now}; run `retention`")
    message_id = await world.receive(0)
    await world.connection.execute("INSERT INTO inbox VALUES ('some.consumer', 'zz')")
    far = await world.receive(-99)  # by a clock that is wrong
    await watch.look(world.connection)
    assert watch.problem.startswith(f"inbox has no month {world.now}, and rows have come without one; run `retention`")

    await partitions.make_ahead(world.connection, [inbox])
    assert await world.connection.fetchval(f"SELECT message_id FROM {inbox.part(world.now)}") == message_id
    left = await world.connection.fetch("SELECT message_id FROM inbox_default")
    assert {row["message_id"] for row in left} == {"zz", far}
    await watch.look(world.connection)
    assert watch.problem is None


async def test_months_that_nobody_made_for_long_are_made_up_for(world):
    await world.lose_months(inbox)
    await world.made(inbox, 5)
    await world.receive(3)
    await partitions.make_ahead(world.connection, [inbox])
    assert await world.months(inbox) == world.ago(5).to(world.now)
    assert await world.count("inbox_default") == 0


async def test_months_that_a_wrong_clock_made_far_ahead_stand_for_none_of_the_present(world):
    watch = MonthsWatch(metadata)
    await world.lose_months(inbox)
    await world.made(inbox, 1, -60, -61)
    message_id = await world.receive(0)
    await watch.look(world.connection)
    assert watch.problem is not None
    assert watch.problem.startswith(f"inbox has no month {world.now}, and rows have come without one")
    assert months_ahead() == 0

    soon = world.now.to(world.now.plus(partitions.AHEAD))
    assert await partitions.make_ahead(world.connection, [inbox]) == [inbox.part(month) for month in soon]
    assert await partitions.held(world.connection, inbox) == [world.ago(1), *soon, world.ago(-60), world.ago(-61)]
    assert await world.connection.fetchval(f"SELECT message_id FROM {inbox.part(world.now)}") == message_id
    await watch.look(world.connection)
    assert watch.problem is None
    assert months_ahead() == partitions.AHEAD


async def test_a_next_month_that_is_missing_before_later_ones_is_told_of_and_made(world):
    watch = MonthsWatch(metadata)
    following = world.now.plus(1)
    await world.connection.execute(f"DROP TABLE {inbox.part(following)}")
    await watch.look(world.connection)
    assert watch.problem is not None
    assert watch.problem.startswith(f"inbox has no month {following}; run `retention`")
    assert months_ahead() == 0
    assert await partitions.make_ahead(world.connection, [inbox]) == [inbox.part(following)]
