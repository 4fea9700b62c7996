"""How full each resource was during a stage: the one that is fullest is the first that would saturate. Pure, but for the disks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psutil

from bench.cpu import Reading

_MANY_THREADS = ("kafka",)
"""Parts of which one process may use several processors: what they use shows in the machine's share."""


@dataclass(frozen=True)
class Held:
    """How many of something that is limited were held, on average and at most, of how many there are."""

    mean: float
    most: float
    of: float

    @property
    def share(self) -> float:
        """On average, of all."""
        return self.mean / self.of


def held(samples: Sequence[Mapping[str, float]], limits: Mapping[str, float]) -> dict[str, Held]:
    """What each of the limited things came to in the samples; nothing of what was never seen."""
    seen = {name: [sample[name] for sample in samples if name in sample] for name in limits}
    return {name: Held(sum(values) / len(values), max(values), limits[name]) for name, values in seen.items() if values}


def of_processes(before: Reading, after: Reading, seconds: float) -> dict[str, float]:
    """By part, the share of one processor that its busiest process used: an event loop, as a backend, has no more than one."""
    shares: dict[str, float] = {}
    for (part, pid), used in after.items():
        if part not in _MANY_THREADS and (part, pid) in before:
            shares[part] = max(shares.get(part, 0.0), (used - before[part, pid]) / seconds)
    return shares


def fullest(shares: Mapping[str, float]) -> tuple[str, float]:
    """The name and the share of what is fullest."""
    return max(shares.items(), key=lambda one: one[1], default=("nothing known", 0.0))


def disks() -> dict[str, float]:
    """Seconds for which each disk has had something to do so far; nothing where the system does not tell."""
    counters: Any = psutil.disk_io_counters(perdisk=True) or {}
    return {name: one.busy_time / 1000 for name, one in counters.items() if hasattr(one, "busy_time")}


def of_disks(before: Mapping[str, float], after: Mapping[str, float], seconds: float) -> dict[str, float]:
    """The share of the time in which the busiest disk had something to do."""
    busy = [(used - before.get(name, used)) / seconds for name, used in after.items()]
    return {"disk": max(busy)} if busy else {}
