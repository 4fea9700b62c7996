"""What a stack takes that has nothing to do, as one that was started by `make up`."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import cpu, gauge, machine
from bench.stage import wait_until
from bench.stages import Say
from bench.system import Settings, roots_of
from malipo import clock
from malipo_local import Stack

GOAL_CORES = 0.04


@dataclass(frozen=True)
class Idle:
    """Milliseconds of CPU a second, by part; PostgreSQL by database."""

    seconds: float
    cpu: Mapping[str, float]
    loop_ms: float
    described: Mapping[str, str]

    @property
    def cores(self) -> float:
        """Of one processor, everything together."""
        return sum(self.cpu.values()) / 1000


def run(settle: float, seconds: float, settings: Settings, say: Say) -> Idle:
    """Start a stack, leave it alone until it has settled, and measure."""
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder) / "stack", settings=settings) as stack:
        say(f"the stack is up, and has {settle:.0f} s to become quiet")
        wait(settle)
        loop_ms = gauge.loop_ms()
        spent, took = of_a_while(roots_of(stack), seconds)
        return Idle(took, {part: 1000 * used / took for part, used in spent.items()}, loop_ms, machine.hardware())


def of_a_while(roots: cpu.Roots, seconds: float) -> tuple[dict[str, float], float]:
    """The seconds of CPU that each part used in a while from now on, and how long that was."""
    before, began = cpu.read(roots), clock.monotonic()
    wait(seconds)
    after, ended = cpu.read(roots), clock.monotonic()
    return cpu.spent(before, after), ended - began


def wait(seconds: float) -> None:
    """Let so many seconds pass."""
    wait_until(clock.now().timestamp() + seconds)
