"""One stage on a new stack, in a process of its own: of the checkout whose Python runs it, measured by this code.

Reads an `Order` from standard input; the last line that it prints is what was `Told`. It may be run by the Python of an older
checkout: the services are that one's then, and so is `malipo_local`, of which it uses little.
"""

import dataclasses
import json
import sys
import tempfile
from pathlib import Path

import msgspec

from bench import books, stage
from bench.stage import Stage
from bench.system import running
from malipo_local import Stack
from malipo_local.signals import stop_on_signals


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be measured."""

    name: str
    rate: float
    warm_up: float
    seconds: float
    settings: dict[str, dict[str, str]]


@dataclasses.dataclass(frozen=True)
class Told:
    """What was measured, and what went wrong."""

    stage: Stage
    wrong: list[str]

    def line(self) -> str:
        """One line of JSON."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def of(cls, line: str) -> "Told":
        """What such a line says."""
        return msgspec.convert(json.loads(line), cls)


def run(order: Order) -> Told:
    """Start a stack, and measure one stage of it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Stack(Path(folder) / "stack", settings=order.settings) as stack,
        running(stack) as system,
    ):
        measured = stage.run(system, order.name, rate=order.rate, warm_up=order.warm_up, seconds=order.seconds)
        return Told(measured, [*measured.complaints, *books.differences(system)])


def main() -> None:
    """Do as told on standard input."""
    stop_on_signals()
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    print(run(order).line(), flush=True)  # noqa: T201 - the answer of this command


if __name__ == "__main__":
    main()
