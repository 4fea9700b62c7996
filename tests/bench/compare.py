"""An older commit beside this one, measured in turn within one run: figures of two hours do not compare."""

import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import msgspec

from bench import checkout, machine
from bench.load import TESTS
from bench.one_stage import Order, Told
from bench.stage import Stage
from bench.stages import Say, in_words
from bench.system import SERVICES, STORES, Settings

GOAL = 0.6
"""At most so much of the older commit's CPU, and of its p99 of create."""


@dataclass(frozen=True)
class Side:
    """One checkout, as it is called in tables, and what was measured of it."""

    name: str
    stages: Sequence[Stage]

    def median(self, figure: Callable[[Stage], float]) -> float:
        """Of all its stages."""
        return median(map(figure, self.stages))


@dataclass(frozen=True)
class Compared:
    """Both sides."""

    old: Side
    new: Side
    wrong: list[str]
    described: dict[str, str]

    @property
    def in_turn(self) -> list[Stage]:
        """All stages, in the order in which they were measured."""
        return [one for pair in zip(self.old.stages, self.new.stages, strict=True) for one in pair]

    def ratio(self, figure: Callable[[Stage], float]) -> float:
        """The median of the new side, times that of the old one."""
        return self.new.median(figure) / self.old.median(figure)


def services(stage: Stage) -> float:
    """CPU of one payment in the services."""
    return stage.cpu_of(SERVICES)


def services_and_stores(stage: Stage) -> float:
    """CPU of one payment in the services and what they stand on."""
    return stage.cpu_of((*SERVICES, *STORES))


def create_p99(stage: Stage) -> float:
    """Milliseconds until the answer."""
    return stage.create[1]


def run(
    other: Path, *, rounds: int, rate: float, warm_up: float, seconds: float, settings: Settings, say: Say
) -> Compared:
    """Measure the other checkout and this one in turn, each time on a new stack. Raises `CheckoutError`, `RuntimeError`."""
    places = {"old": other, "new": checkout.ROOT}
    pythons = {name: checkout.python_of(place) for name, place in places.items()}
    commits = {name: checkout.described(place) for name, place in places.items()}
    measured: dict[str, list[Stage]] = {name: [] for name in places}
    wrong: list[str] = []
    plain = {name: dict(values) for name, values in settings.items()}
    for number in range(1, rounds + 1):
        for name, python in pythons.items():
            say(f"{name} ({commits[name]}), {number} of {rounds}")
            order = Order(name=f"{name} {number}", rate=rate, warm_up=warm_up, seconds=seconds, settings=plain)
            told = by(python, order)
            say(in_words(told.stage))
            measured[name].append(told.stage)
            wrong += told.wrong
    old, new = (Side(f"{name}: {commits[name]}", measured[name]) for name in places)
    return Compared(old, new, wrong, machine.hardware())


def by(python: Path, order: Order) -> Told:
    """What the Python of a checkout measures. Raises `RuntimeError` with what it said at last if it fails."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [python, "-m", "bench.one_stage"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=TESTS, env=environment) as process:
        try:
            said, complained = process.communicate(msgspec.json.encode(order) + b"\n")
        except BaseException:
            process.terminate()  # it ends its stack by itself, which takes a while
            raise
    if process.returncode:
        message = f"{order.name} failed by {python}:\n{complained.decode(errors='replace')[-3000:]}"
        raise RuntimeError(message)
    return Told.of(said.decode().splitlines()[-1])
