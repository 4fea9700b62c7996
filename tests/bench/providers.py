"""What a payment costs by provider: the same rate with each of the methods alone, and mixed, on one warm stack."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import books, machine, stage
from bench.methods import BODIES
from bench.stage import Stage
from bench.stages import Say, in_words
from bench.system import BY_THEMSELVES, Settings, running
from malipo_local import Stack

MIXED = "mixed"


@dataclass(frozen=True)
class ByProvider:
    """A stage of each method, in the order of `BODIES`, and one of all of them in turn."""

    stages: Sequence[Stage]
    wrong: list[str]
    described: dict[str, str]


def run(rate: float, warm_up: float, seconds: float, settings: Settings, say: Say) -> ByProvider:
    """Measure each method, then all in turn."""
    settings = {**settings, **BY_THEMSELVES}
    stages: list[Stage] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        Stack(Path(folder) / "stack", settings=settings) as stack,
        running(stack, all_providers=True) as system,
    ):
        for name, methods in {**{name: (name,) for name in BODIES}, MIXED: tuple(BODIES)}.items():
            say(f"{name}: {rate:.0f} payments a second for {warm_up + seconds:.0f} s")
            stages.append(
                stage.run(
                    system, name, rate=rate, warm_up=warm_up, seconds=seconds, methods=methods, seed=len(stages) + 1
                )
            )
            say(in_words(stages[-1]))
        wrong = [*(text for one in stages for text in one.complaints), *books.differences(system)]
        return ByProvider(stages, wrong, machine.describe(system, settings))
