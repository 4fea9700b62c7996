"""The arithmetic behind the figures."""

import math

import pytest

from bench import cpu
from bench.figures import backlog_growth, percentile, ratio, waiting_at
from bench.generator import arrivals
from bench.profiling import hottest
from bench.stages import climb


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_a_percentile_is_a_value_that_was_measured(share: float, expected: float) -> None:
    assert percentile([float(value) for value in range(100, 0, -1)], share) == expected


def test_a_percentile_of_nothing_is_not_a_number() -> None:
    assert math.isnan(percentile([], 0.99))
    assert math.isnan(ratio(1, 0))


def test_what_has_begun_and_not_ended_waits() -> None:
    assert waiting_at(2.0, [0.0, 1.0, 2.0, 3.0], [1.5]) == 2


def test_a_system_that_keeps_up_has_no_growing_backlog() -> None:
    begun = [number / 100 for number in range(1000)]
    assert abs(backlog_growth(begun, [at + 0.3 for at in begun], 1, 9)) < 2


def test_a_system_that_does_nine_tenths_of_its_work_has_a_growing_backlog() -> None:
    begun = [number / 100 for number in range(1000)]
    assert backlog_growth(begun, [at / 0.9 for at in begun], 1, 9) > 40


def test_arrivals_come_at_the_rate_asked_for_and_in_the_same_way_each_time() -> None:
    first, again = list(arrivals(100, 100, seed=7)), list(arrivals(100, 100, seed=7))
    assert first == again == sorted(first)
    assert 9_600 < len(first) < 10_400
    assert all(0 < at < 100 for at in first)


@pytest.mark.parametrize("highest", [60, 100, 240, 555])
def test_the_search_ends_close_below_the_highest_rate_that_holds(highest: float) -> None:
    found = climb(lambda rate: rate <= highest, 200, tries=12, precision=1.05)
    assert found is not None
    assert highest / 1.05 < found <= highest


def test_the_search_gives_up_when_nothing_holds() -> None:
    tried: list[float] = []
    assert climb(lambda rate: bool(tried.append(rate)), 100, tries=4, precision=1.05) is None
    assert tried == pytest.approx([100, 80, 64, 51.2])


def test_processor_time_is_the_difference_of_two_readings() -> None:
    before = {("gateway", 1): 1.0, ("gateway", 2): 2.0, ("killed", 3): 5.0}
    after = {("gateway", 1): 3.5, ("gateway", 2): 2.0, ("new", 4): 0.25, ("killed", 5): 4.0}
    assert cpu.spent(before, after) == {"gateway": 2.5, "new": 0.25, "killed": 0.0}


def test_what_a_backend_used_before_it_ended_is_not_counted_again_by_its_parent():
    before = {("postgres", 1): 1.0, ("postgres/gateway", 2): 30.0, ("postgres/gateway", 3): 5.0}
    after = {("postgres", 1): 31.5, ("postgres/gateway", 3): 7.0}
    assert cpu.spent(before, after) == {"postgres": 0.5, "postgres/gateway": 2.0}


def test_the_parts_of_a_process_add_up() -> None:
    parts = {"postgres": 1.0, "postgres/gateway": 2.0, "kafka": 4.0}
    assert cpu.by_process(parts) == {"postgres": 3.0, "kafka": 4.0}


def test_a_profile_names_the_functions_that_most_samples_were_taken_in() -> None:
    stacks = "main (a.py:1);work (a.py:9) 3\nmain (a.py:2);work (a.py:7) 4\nmain (a.py:3) 3\n"
    assert hottest(stacks) == [("work (a.py", 0.7, 0.7), ("main (a.py", 0.3, 1.0)]
