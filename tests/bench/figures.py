"""The arithmetic of the benchmarks. Pure."""

import math
from collections.abc import Iterable, Sequence

BACKLOG_SECONDS = 0.5
"""A backlog grows when, at the end of a stage, more than this many seconds of arrivals wait than at its beginning."""


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed; NaN of none."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def waiting_at(moment: float, begun: Iterable[float], ended: Iterable[float]) -> int:
    """How many have begun by `moment` and not ended."""
    return sum(at <= moment for at in begun) - sum(at <= moment for at in ended)


def backlog_growth(begun: Sequence[float], ended: Sequence[float], since: float, until: float) -> float:
    """How many more wait in the last quarter of the window than in its first, on average over ten looks at each."""
    quarter = (until - since) / 4
    looks = [quarter * number / 10 for number in range(10)]
    first = [waiting_at(since + look, begun, ended) for look in looks]
    last = [waiting_at(until - look, begun, ended) for look in looks]
    return (sum(last) - sum(first)) / len(looks)


def ratio(part: float, whole: float) -> float:
    """`part / whole`, NaN of nothing."""
    return part / whole if whole else math.nan
