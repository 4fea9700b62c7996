"""What nothing costs is measured of every process, and held to a goal."""

from dataclasses import replace

from bench import goals, report
from bench.idle import Idle

FOUND = Idle(60, {"gateway": 5.0, "kafka": 20.0, "postgres": 1.0, "postgres/gateway": 2.0, "bank-sim": 4.0}, 33.0, {})


def test_an_idle_stack_is_held_to_a_share_of_one_processor_with_everything_in_it() -> None:
    assert [goal.reached for goal in goals.of_idle(FOUND)] == [True]
    assert [goal.reached for goal in goals.of_idle(replace(FOUND, cpu={"kafka": 41.0}))] == [False]


def test_every_part_is_shown_and_their_sums() -> None:
    drawn = report.idle_table(FOUND)
    shown = dict(zip(*(column.cells for column in drawn.columns), strict=True))
    assert (shown["postgres"], shown["  postgres/gateway"]) == ("3.00", "2.00")
    assert (shown["the services"], shown["services and stores"], shown["everything"]) == ("5.00", "28.00", "32.00")
