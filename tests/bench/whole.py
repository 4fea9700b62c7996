"""One run from the start of a stack to the comparison with the bare path, as `make bench` does it."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench import books, machine, stage
from bench.bare.path import bare_path
from bench.latency import Profile
from bench.stage import Stage
from bench.stages import STEP_UP, Found, Say, Times, find, find_highest, in_words
from bench.system import SERVICES, STORES, Settings, running
from malipo_local import Stack


@dataclass(frozen=True)
class Run:
    """What a run found."""

    found: Found
    bare: Stage
    wrong: list[str]
    """What the books disagree on."""
    machine: dict[str, str]
    bare_highest: Stage | None = None
    """The bare path at its own highest rate, where that was sought."""

    @property
    def sound(self) -> bool:
        """Whether the figures may be believed: a rate held, the bare path kept up, nothing went wrong, books agree."""
        errors = (self.found.highest.errors, self.found.half.errors, self.bare.errors)
        return self.found.highest.holds and self.bare.keeps_up and not any(errors) and not self.wrong

    @property
    def ratio(self) -> float:
        """The services' processor time of one payment to that of the bare path, at the same rate."""
        return self.found.highest.cpu_of(SERVICES) / self.bare.cpu_of(SERVICES)

    @property
    def ratio_with_stores(self) -> float:
        """The same with PostgreSQL, Redis and Kafka, of which the bare path has Kafka alone."""
        parts = (*SERVICES, *STORES)
        return self.found.highest.cpu_of(parts) / self.bare.cpu_of(parts)


def run(times: Times, settings: Settings, say: Say, latency: Profile | None = None) -> Run:
    """Start a stack, find the highest rate, compare with the bare path at that rate; with a provider as late as `latency` says."""
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder) / "stack", settings=settings) as stack:
        say("the stack is up")
        with running(stack) as system:
            say(f"{len(system.merchants)} merchants are open")
            system.outside.be_late(latency and latency.asked_for)
            found = find(system, times, os.cpu_count() or 1, say)
            wrong, described = books.differences(system), machine.describe(system, settings)
            described |= {"the provider answers": f"after {latency.name} (p50/p99)" if latency else "at once"}
        for name in SERVICES:
            stack.stop_service(name)
        with bare_path(stack, Path(folder)) as path:
            say(f"bare path: {found.highest.rate:.0f} payments a second")
            bare = stage.run(
                path, "bare path", rate=found.highest.rate, warm_up=times.settle_in + 5, seconds=times.confirm
            )
            say(in_words(bare))
            first = found.highest.rate * STEP_UP
            highest = find_highest(path, "bare highest", times, first, say) if times.bare_highest else None
    return Run(found, bare, wrong, described, highest)
