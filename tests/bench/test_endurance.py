"""What grows over hours is found, by a rule that is written down, and drawn in a line."""

from dataclasses import replace

import pytest

from bench import goals, report
from bench.endurance import Endured, Look
from bench.steadiness import RULE, Curve
from bench.tables import Size
from bench.test_whole import OURS

TIMES = [60.0 * number for number in range(60)]


def test_what_settles_in_the_first_half_and_stays_is_flat() -> None:
    assert Curve("memory", TIMES, [100 + min(number, 20) for number in range(60)]).flat
    assert Curve("memory", TIMES, [100 - number / 2 for number in range(60)]).flat, "what falls is flat, too"


def test_what_goes_on_rising_is_not_flat() -> None:
    rising = Curve("memory", TIMES, [100.0 + number for number in range(60)])
    assert rising.rise == pytest.approx(29)
    assert not rising.flat
    assert "5%" in RULE


def test_a_rise_below_the_grain_means_nothing() -> None:
    values = [20.0] * 30 + [20.0 + number / 15 for number in range(30)]
    assert Curve("files", TIMES, values, grain=4).flat
    assert not Curve("files", TIMES, values, grain=1).flat


def test_what_swings_is_judged_by_its_peaks() -> None:
    saw = [float(number % 7) for number in range(60)]
    assert Curve("dead rows", TIMES, saw, swings=True).flat
    assert not Curve(
        "dead rows", TIMES, [value * (1 + number / 20) for number, value in enumerate(saw)], swings=True
    ).flat


def test_a_curve_is_drawn_from_its_least_to_its_most() -> None:
    assert Curve("it", [0, 1, 2], [1.0, 8.0, 1.0]).drawn() == "▁█▁"
    assert Curve("it", [0, 1], [5.0, 5.0]).drawn() == "▁▁"
    assert len(Curve("it", TIMES, [float(number) for number in range(60)]).drawn(width=20)) == 20


def a_look(at: float, megabytes: float) -> Look:
    kept, emptied = Size(1000, 100, int(at), 10**6, 0, 10**6), Size(3, 0, 0, 8192, 0, 16384)
    sizes = {("gateway", "payments"): kept, ("gateway", "outbox"): emptied}
    return Look(at, {"gateway": megabytes}, {"gateway": 30}, sizes)


def test_a_process_whose_memory_goes_on_growing_is_told_and_what_grows_with_payments_is_not() -> None:
    steady = Endured(replace(OURS, payments=1000), [a_look(at, 100) for at in TIMES], [])
    assert [goal.reached for goal in goals.of_endurance(steady)] == [True]
    leaking = replace(steady, looks=[a_look(at, 100 + at / 30) for at in TIMES])
    assert [curve.name for curve in leaking.curves if not curve.flat] == ["gateway: memory, MB"]
    assert steady.vacuums == TIMES[-1]
    emptied = next(curve for curve in steady.curves if curve.name == "gateway: tables that are emptied, MB")
    assert emptied.values[0] == pytest.approx(24576 / 2**20), "the outbox alone"
    drawn = report.curves_table(leaking.curves, "looks")
    assert "no" in list(drawn.columns[-1].cells)
