"""The stages of a run: warm-up, the search for the highest rate, that rate for a minute, and half of it."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from bench import stage
from bench.stage import Stage
from bench.subject import Subject

Say = Callable[[str], None]

type _Measure = Callable[[str, float, float, float], Stage]
"""Measures a stage by its name, its rate, and the seconds of its measurement and of its warm-up."""


@dataclass(frozen=True, kw_only=True)
class Times:
    """How long each stage takes, in seconds, its own warm-up aside; and how closely the highest rate is sought."""

    warm_up: float
    probe: float
    confirm: float
    half: float
    settle_in: float
    """The warm-up of each stage after the first."""
    probes: int
    precision: float
    """The search ends when the lowest rate that failed is less than this times the highest that held."""
    looks: int = 2
    """How often a probe must fail before its rate has: it is short, and one bad moment of the machine fails it."""
    confirmations: int = 6
    bare_highest: bool = True
    """Whether the highest rate of the bare path is sought, too."""

    def scaled(self, factor: float) -> "Times":
        """The same, shorter or longer."""
        names = ("warm_up", "probe", "confirm", "half", "settle_in")
        return replace(self, **{name: getattr(self, name) * factor for name in names})


WHOLE = Times(warm_up=60, probe=20, confirm=60, half=60, settle_in=10, probes=8, precision=1.05)
QUICK = Times(
    warm_up=15,
    probe=7,
    confirm=18,
    half=15,
    settle_in=2,
    probes=4,
    precision=1.12,
    confirmations=3,
    bare_highest=False,
    looks=1,
)

WARM_UP_RATE = 80.0
STEP_UP, STEP_DOWN = 1.25, 0.9
PROCESSORS_USED = 0.85
"""The share of the processors at which the first probe aims, judged by what the warm-up took."""


@dataclass(frozen=True)
class Found:
    """The highest rate that held for the whole confirmation, half of it, and every stage on the way.

    When none held, `highest` is the last that was tried: its own `holds` says so.
    """

    highest: Stage
    half: Stage
    tried: list[Stage]


def find(subject: Subject, times: Times, processors: int, say: Say) -> Found:
    """Search for the highest rate, and measure there and at half of it."""
    tried: list[Stage] = []
    measure = _measuring(subject, tried, say)
    warm = measure("warm-up", WARM_UP_RATE, 5, times.warm_up)
    highest = _highest(measure, times, WARM_UP_RATE * PROCESSORS_USED * processors / warm.processors)
    return Found(highest, measure("half", highest.rate / 2, times.half, times.settle_in), tried)


def find_highest(subject: Subject, name: str, times: Times, first: float, say: Say) -> Stage:
    """Search for the highest rate of a system that is warm; called `name`, and first tried at `first`."""
    return replace(_highest(_measuring(subject, [], say), times, first), name=name)


def _measuring(subject: Subject, tried: list[Stage], say: Say) -> _Measure:
    def measure(name: str, rate: float, seconds: float, warm_up: float) -> Stage:
        say(f"{name}: {rate:.0f} payments a second for {warm_up + seconds:.0f} s")
        tried.append(stage.run(subject, name, rate=rate, warm_up=warm_up, seconds=seconds, seed=len(tried) + 1))
        say(in_words(tried[-1]))
        return tried[-1]

    return measure


def _highest(measure: _Measure, times: Times, first: float) -> Stage:
    rates: list[float] = []

    def holds(rate: float) -> bool:
        rates.append(rate)
        return any(measure("probe", rate, times.probe, times.settle_in).holds for _ in range(times.looks))

    best = climb(holds, first, tries=times.probes, precision=times.precision)
    highest = measure("highest", best or rates[-1] / STEP_UP, times.confirm, times.settle_in)
    for _ in range(times.confirmations - 1):
        if highest.holds:
            break
        highest = measure("highest", highest.rate * STEP_DOWN, times.confirm, times.settle_in)
    return highest


def climb(holds: Callable[[float], bool], first: float, *, tries: int, precision: float) -> float | None:
    """The highest rate found to hold: up or down by a quarter until one holds and one fails, then in between."""
    held = failed = None
    rate = first
    for _ in range(tries):
        if holds(rate):
            held = rate
        else:
            failed = rate
        if held and failed and failed / held < precision:
            break
        rate = math.sqrt(held * failed) if held and failed else rate * STEP_UP if held else rate / STEP_UP
    return held


def in_words(measured: Stage) -> str:
    """One line about a stage."""
    errors = ", ".join(measured.complaints)
    result = "holds" if measured.holds else "fails"
    return (
        f"  {result}: {measured.per_second:.0f} notified a second, create p99 {measured.create[1]:.0f} ms, added p50 "
        f"{measured.added[0]:.0f} p99 {measured.added[1]:.0f} ms, backlog {measured.backlog:+.0f}, "
        f"{measured.processors:.2f} processors busy{', errors: ' + errors if errors else ''}"
    )
