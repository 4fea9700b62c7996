"""A provider that answers late: what is asked of its stand-in, and what was held meanwhile is shown."""

from dataclasses import replace

import pytest

from bench import report
from bench.fullness import Held
from bench.latency import REAL, Profile
from bench.test_whole import OURS
from malipo_simulators.kit.latency import Latency


@pytest.mark.parametrize("profile", [REAL, Profile(5000, 20_000, timeouts=0.01)])
def test_what_is_asked_of_the_stand_ins_is_a_distribution_that_they_take(profile: Profile) -> None:
    latency = Latency.model_validate(profile.asked_for)
    assert (latency.p50_seconds, latency.p99_seconds) == (profile.p50_ms / 1000, profile.p99_ms / 1000)
    assert latency.timeouts == profile.timeouts


def test_what_is_held_is_shown_beside_each_other_the_fullest_first() -> None:
    quick = replace(OURS, name="at once", held={"slots": Held(1, 2, 48), "connections": Held(1, 3, 10)})
    late = replace(OURS, name=REAL.name, held={"slots": Held(24, 40, 48)})
    drawn = report.held_table([quick, late])
    assert [column.header for column in drawn.columns][3:] == ["120/400 ms: mean", "120/400 ms: most", "of"]
    rows = [*zip(*(column.cells for column in drawn.columns), strict=True)]
    assert rows == [("slots", "1.00", "2", "24.00", "40", "48"), ("connections", "1.00", "3", "", "", "10")]
