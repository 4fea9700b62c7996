"""A payment's time is told hop by hop, and the hops add up to the whole."""

import pytest

from bench import report
from bench.hops import HOPS, KINDS, Moments, spread


def a_payment(due: float, *seconds: float) -> Moments:
    """One whose hops take these times."""
    moments, at = {"due": due}, due
    for name, took in zip(HOPS, seconds, strict=True):
        at += took
        moments[name] = at
    return moments


ONE = a_payment(100.0, *[0.010] * 12, 0.030)
OTHER = a_payment(101.0, *[0.002] * 13)


def test_the_means_of_the_hops_add_up_to_the_mean_of_the_whole() -> None:
    found = spread([ONE, OTHER])
    assert (
        sum(hop.mean for hop in found.hops.values()) == pytest.approx(found.whole.mean) == pytest.approx((150 + 26) / 2)
    )
    assert (found.hops["told"].p50, found.hops["told"].p99) == (pytest.approx(2), pytest.approx(30))


def test_a_payment_with_a_moment_that_is_not_known_is_left_out() -> None:
    del (half := dict(OTHER))["completed"]
    assert spread([ONE, half]) == spread([ONE])
    assert spread([half]).payments == 0


def test_each_hop_is_shown_with_its_share_of_the_whole() -> None:
    drawn = report.hops_table(spread([ONE]))
    rows = [*zip(*(column.cells for column in drawn.columns), strict=True)]
    assert len(rows) == len(HOPS) + 1
    assert rows[-2] == (HOPS["told"], "30.0", "20%", "30.0", "30.0")
    assert rows[-1] == ("the whole", "150.0", "100%", "150.0", "150.0")


def test_every_hop_is_of_one_kind_and_the_kinds_add_up_to_the_whole() -> None:
    assert sorted(name for names in KINDS.values() for name in names) == sorted(HOPS)
    found = spread([ONE, OTHER])
    assert sum(map(found.mean_of, KINDS)) == pytest.approx(found.whole.mean)
    *_, last = zip(*(column.cells for column in report.kinds_table(found).columns), strict=True)
    assert last == ("the whole", "13", "6.8", "88.0", "100%")
