"""One run from the start of a stack to the comparison with the bare path, as `make bench` does it."""

import math
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench import books, machine, stage
from bench.bare.path import bare_path
from bench.latency import Profile
from bench.stage import Stage
from bench.stages import STEP_UP, Found, Say, Times, find, find_highest, in_words
from bench.system import SERVICES, STORES, Settings, System, running
from malipo_local import Stack

COMPARED_RATE = 100.0
"""Payments a second at which the price of the promise is told."""


@dataclass(frozen=True)
class Run:
    """What a run found."""

    found: Found
    compared: Stage
    """Malipo at the rate of the bare path: `COMPARED_RATE`, or its highest where that is less."""
    bare: Stage
    wrong: list[str]
    """What the books disagree on."""
    machine: dict[str, str]
    bare_highest: Stage | None = None
    """The bare path at its own highest rate, where that was sought."""

    @property
    def sound(self) -> bool:
        """Whether the figures may be believed: a rate held, the bare path kept up, nothing went wrong, books agree."""
        errors = any(stage.errors for stage in self.judged)
        return self.found.highest.holds and self.bare.keeps_up and not errors and not self.wrong

    @property
    def judged(self) -> list[Stage]:
        """The stages that must be without an error."""
        extra = [] if self.compared is self.found.highest else [self.compared]
        return [self.found.highest, self.found.half, *extra, self.bare]

    @property
    def rate_ratio(self) -> float:
        """The highest rate to that of the bare path; NaN where that was not sought."""
        return self.found.highest.per_second / self.bare_highest.per_second if self.bare_highest else math.nan

    @property
    def ratio(self) -> float:
        """The services' processor time of one payment to that of the bare path, at the same rate."""
        return self.compared.cpu_of(SERVICES) / self.bare.cpu_of(SERVICES)

    @property
    def ratio_with_stores(self) -> float:
        """The same with PostgreSQL, Redis and Kafka, of which the bare path has Kafka alone."""
        parts = (*SERVICES, *STORES)
        return self.compared.cpu_of(parts) / self.bare.cpu_of(parts)


def run(times: Times, settings: Settings, say: Say, latency: Profile | None = None) -> Run:
    """Start a stack, find the highest rate, compare with the bare path at that rate; with a provider as late as `latency` says."""
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder) / "stack", settings=settings) as stack:
        say("the stack is up")
        with running(stack) as system:
            say(f"{len(system.merchants)} merchants are open")
            system.outside.be_late(latency and latency.asked_for)
            found = find(system, times, os.cpu_count() or 1, say)
            compared = found.highest if found.highest.rate <= COMPARED_RATE else _compared(system, times, say)
            wrong, described = books.differences(system), machine.describe(system, settings)
            described |= {"the provider answers": f"after {latency.name} (p50/p99)" if latency else "at once"}
        for name in SERVICES:
            stack.stop_service(name)
        with bare_path(stack, Path(folder)) as path:
            say(f"bare path: {compared.rate:.0f} payments a second")
            bare = stage.run(path, "bare path", rate=compared.rate, warm_up=times.settle_in + 5, seconds=times.confirm)
            say(in_words(bare))
            first = found.highest.rate * STEP_UP
            highest = find_highest(path, "bare highest", times, first, say) if times.bare_highest else None
    return Run(found, compared, bare, wrong, described, highest)


def _compared(system: System, times: Times, say: Say) -> Stage:
    say(f"compared: {COMPARED_RATE:.0f} payments a second")
    measured = stage.run(system, "compared", rate=COMPARED_RATE, warm_up=times.settle_in, seconds=times.confirm)
    say(in_words(measured))
    return measured
