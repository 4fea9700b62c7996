"""Rows that are of no month, and months that are missing."""

from prometheus_client import REGISTRY

from malipo.messaging.months_watch import MonthsWatch
from malipo.messaging.tables import INBOX, metadata
from malipo.platform import partitions
from malipo.platform.months import monthly

(inbox,) = monthly([INBOX])


def months_ahead() -> float | None:
    return REGISTRY.get_sample_value("malipo_partitions_ahead_months", {"table": "inbox"})


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
