"""What is kept of a payment: rows and bytes of each table, as long as nothing is old enough to be removed."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench import books, machine, stage, tables
from bench.growth import tidy_all
from bench.methods import CARD
from bench.stages import Say
from bench.system import BY_THEMSELVES, Settings, System, running
from bench.tables import Sizes
from malipo_local import Stack


@dataclass(frozen=True)
class Kept:
    """What so many payments left in the tables, those that they have left nothing in being left out."""

    payments: int
    method: str
    sizes: Sizes
    wrong: list[str]
    described: dict[str, str]

    @property
    def bytes_a_payment(self) -> float:
        """In all databases."""
        return sum(size.total for size in self.sizes.values()) / self.payments


def run(payments: int, method: str, rate: float, settings: Settings, say: Say) -> Kept:
    """Make so many payments on a new stack, and look at what has come to the tables, tidied before and after."""
    settings = {**settings, **BY_THEMSELVES}
    with (
        tempfile.TemporaryDirectory() as folder,
        Stack(Path(folder) / "stack", settings=settings) as stack,
        running(stack, all_providers=method != CARD) as system,
    ):
        before = _read(system)
        say(f"{payments:,} payments by {method}, {rate:.0f} a second")
        made = stage.run(system, "sizes", rate=rate, warm_up=1, seconds=payments / rate, methods=[method])
        came = {name: size for name, size in tables.since(before, _read(system)).items() if size.rows or size.total}
        wrong = [*made.complaints, *books.differences(system)]
        return Kept(made.payments, method, came, wrong, machine.describe(system, settings))


def _read(system: System) -> Sizes:
    tidy_all(system)
    return tables.read(system)
