"""What is held while a provider answers as late as real ones do: the same rate with answers at once, and with answers that take time."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import books, machine, stage
from bench.stage import Stage
from bench.stages import Say, in_words
from bench.system import Settings, running
from malipo_local import Stack

CAP_SECONDS = 5.0


@dataclass(frozen=True)
class Profile:
    """How late answers come: a log-normal distribution by two of its percentiles, in milliseconds, and how many never come."""

    p50_ms: float
    p99_ms: float
    timeouts: float = 0.0

    @property
    def name(self) -> str:
        """As it stands in tables."""
        return f"{self.p50_ms:g}/{self.p99_ms:g} ms"

    @property
    def asked_for(self) -> Mapping[str, float]:
        """As the stand-ins take it."""
        percentiles = {"p50_seconds": self.p50_ms / 1000, "p99_seconds": self.p99_ms / 1000}
        return {**percentiles, "cap_seconds": max(CAP_SECONDS, self.p99_ms / 1000), "timeouts": self.timeouts}


REAL = Profile(120, 400)
"""As real providers answer."""


@dataclass(frozen=True)
class Slowed:
    """One stage with answers at once, and one with answers that take time."""

    stages: Sequence[Stage]
    wrong: list[str]
    described: dict[str, str]


def run(profile: Profile, *, rate: float, warm_up: float, seconds: float, settings: Settings, say: Say) -> Slowed:
    """Measure both on one stack."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Stack(Path(folder) / "stack", settings=settings) as stack,
        running(stack) as system,
    ):
        stages: list[Stage] = []
        for name, asked_for in (("at once", None), (profile.name, profile.asked_for)):
            say(f"{name}: {rate:.0f} payments a second for {warm_up + seconds:.0f} s")
            system.outside.be_late(asked_for)
            stages.append(stage.run(system, name, rate=rate, warm_up=warm_up, seconds=seconds))
            say(in_words(stages[-1]))
        wrong = [*(text for one in stages for text in one.complaints), *books.differences(system)]
        return Slowed(stages, wrong, machine.describe(system, settings))
