"""Hours at half load: memory, open files, tables, indexes and dead rows, looked at again and again, and whether they stay flat."""

import tempfile
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench import books, cpu, machine, stage, tables
from bench.stage import Stage
from bench.stages import Say
from bench.steadiness import Curve
from bench.system import SERVICES, STORES, Settings, System, running
from bench.tables import Sizes
from malipo import clock
from malipo_local import Stack

MEGABYTE = 2**20
_EMPTIED = 0.05
"""A table that keeps fewer rows than so many a payment is one that is emptied as work is done."""


@dataclass(frozen=True)
class Look:
    """What was there at one moment, so many seconds after the first one."""

    at: float
    memory_mb: Mapping[str, float]
    files: Mapping[str, int]
    sizes: Sizes


@dataclass(frozen=True)
class Endured:
    """All looks at a stage, the first of them at the end of its warm-up."""

    stage: Stage
    looks: Sequence[Look]
    wrong: list[str]
    described: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def curves(self) -> list[Curve]:
        """Everything that is to stay flat."""
        times = [look.at for look in self.looks]
        processes = sorted(self.looks[-1].memory_mb)
        memory = [
            Curve(f"{name}: memory, MB", times, [look.memory_mb.get(name, 0.0) for look in self.looks], grain=4)
            for name in processes
        ]
        files = [
            Curve(f"{name}: open files", times, [float(look.files.get(name, 0)) for look in self.looks], grain=4)
            for name in processes
        ]
        return [*memory, *files, *self._of_databases(times)]

    @property
    def grown(self) -> list[Curve]:
        """What grows with every payment, and is no sign of anything."""
        times = [look.at for look in self.looks]
        return [
            Curve(f"{service}: {what}, MB", times, [self._megabytes(look, service, part) for look in self.looks])
            for service in SERVICES
            for what, part in (("tables", "heap"), ("indexes", "indexes"))
        ]

    @property
    def vacuums(self) -> int:
        """How often autovacuum came to a table meanwhile."""
        first, last = self.looks[0].sizes, self.looks[-1].sizes
        return sum(size.vacuums for size in tables.since(first, last).values())

    def _of_databases(self, times: Sequence[float]) -> list[Curve]:
        emptied = self._emptied()
        found: list[Curve] = []
        for service in SERVICES:
            owned = [one for one in emptied if one[0] == service]
            sizes = [sum(look.sizes[one].total for one in owned if one in look.sizes) for look in self.looks]
            dead = [100 * self._dead(look, service) for look in self.looks]
            megabytes = [total / MEGABYTE for total in sizes]
            found.append(Curve(f"{service}: tables that are emptied, MB", times, megabytes, grain=1))
            found.append(Curve(f"{service}: dead rows, % of all", times, dead, grain=5, swings=True))
        return found

    def _emptied(self) -> list[tuple[str, str]]:
        kept = self.looks[-1].sizes
        return [one for one, size in kept.items() if size.rows < _EMPTIED * self.stage.payments]

    def _dead(self, look: Look, service: str) -> float:
        owned = [size for (name, _), size in look.sizes.items() if name == service]
        dead = sum(size.dead for size in owned)
        return dead / max(1, dead + sum(size.rows for size in owned))

    def _megabytes(self, look: Look, service: str, part: str) -> float:
        return sum(getattr(size, part) for (name, _), size in look.sizes.items() if name == service) / MEGABYTE


def run(rate: float, warm_up: float, minutes: float, every: float, settings: Settings, say: Say) -> Endured:
    """One long stage on a new stack, looked at every so many seconds."""
    say(f"{rate:.0f} payments a second for {minutes:g} minutes, after {warm_up:.0f} s")
    with (
        tempfile.TemporaryDirectory() as folder,
        Stack(Path(folder) / "stack", settings=settings) as stack,
        running(stack) as system,
    ):
        with looking(system, after=warm_up, every=every, seconds=60 * minutes, say=say) as looks:
            measured = stage.run(system, "endurance", rate=rate, warm_up=warm_up, seconds=60 * minutes)
        wrong = [*measured.complaints, *books.differences(system)]
        return Endured(measured, looks, wrong, machine.describe(system, settings))


@contextmanager
def looking(system: System, *, after: float, every: float, seconds: float, say: Say) -> Generator[list[Look]]:
    """Looks from `after` the block's beginning on, every so many seconds, for as long as said or until the block ends."""
    looks: list[Look] = []
    ended = threading.Event()
    thread = threading.Thread(target=_look_on, args=(system, looks, ended, (after, every, seconds), say), name="looks")
    thread.start()
    try:
        yield looks
    finally:
        ended.set()
        thread.join()


def _look_on(
    system: System, looks: list[Look], ended: threading.Event, times: tuple[float, float, float], say: Say
) -> None:
    after, every, seconds = times
    began = clock.monotonic() + after
    while not ended.wait(max(0.0, began + every * len(looks) - clock.monotonic())):
        at = clock.monotonic() - began
        if at > seconds:
            return
        looks.append(look(system, at))
        memory = sum(looks[-1].memory_mb.get(name, 0.0) for name in (*SERVICES, *STORES))
        say(f"  after {at / 60:.1f} minutes: services and stores have {memory:.0f} MB")


def look(system: System, at: float) -> Look:
    """What is there now; the stand-ins remember every payment by design, and are left out."""
    ours = {name: pids for name, pids in system.roots.items() if name in {*SERVICES, *STORES}}
    files = {name: sum(map(_files, cpu.family(pids))) for name, pids in ours.items()}
    return Look(at, cpu.memory_mb(ours), files, tables.read(system))


def _files(process: psutil.Process) -> int:
    try:
        return process.num_fds()
    except psutil.Error:  # it has ended meanwhile
        return 0
