"""Whether something stays flat: a rule for a curve, and how the curve is drawn in a line of text. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import batched
from statistics import fmean, linear_regression

MOST_RISE = 0.05
"""Of its mean in the second half, so much may the line through that half rise from its beginning to its end."""
RULE = (
    f"Flat is a curve whose second half, by the straight line that fits it best, rises by at most {MOST_RISE:.0%} of its mean "
    "from its beginning to its end, or by no more than its grain."
)
_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 40


@dataclass(frozen=True)
class Curve:
    """One figure over time. `grain` is a rise that means nothing, in the figure's own unit; one that `swings`, as what is
    tidied now and then, is judged by the most in each tenth of the time.
    """

    name: str
    times: Sequence[float]
    values: Sequence[float]
    grain: float = 0
    swings: bool = False

    @property
    def rise(self) -> float:
        """How far the line through the second half rises from its beginning to its end."""
        times, values = self._second_half()
        if len(values) < 2:
            return 0.0
        return linear_regression(times, values).slope * (times[-1] - times[0])

    @property
    def flat(self) -> bool:
        """By `RULE`; what falls is flat, too."""
        _, values = self._second_half()
        return self.rise <= max(self.grain, MOST_RISE * fmean(values)) if values else True

    def drawn(self, width: int = _WIDTH) -> str:
        """The curve as bars from the least of it to the most, each the mean of its part of the time."""
        size = max(1, -(-len(self.values) // width))
        means = [fmean(part) for part in batched(self.values, size)]
        least, most = min(means, default=0.0), max(means, default=0.0)
        step = (most - least) / (len(_BARS) - 1) or 1.0
        return "".join(_BARS[round((value - least) / step)] for value in means)

    def _second_half(self) -> tuple[Sequence[float], Sequence[float]]:
        middle = len(self.values) // 2
        times, values = self.times[middle:], self.values[middle:]
        if not self.swings:
            return times, values
        size = max(1, len(self.values) // 10)
        return [part[-1] for part in batched(times, size)], [max(part) for part in batched(values, size)]
