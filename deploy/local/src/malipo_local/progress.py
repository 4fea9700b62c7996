"""Shows a start as it happens: one line for each process, with its seconds."""

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from malipo_local.services import Kind
from malipo_local.status import UnitStatus

_EVERY_SECONDS = 10.0
_SETTLED = ("ready", "done", "failed")
_STYLES = {"ready": "green", "done": "green", "starting": "yellow", "failed": "red", "waiting": "dim"}


class Board:
    """A table that is drawn over and over on a terminal.

    Elsewhere each process has its line once it is ready, and in a long wait a line shows what is waited for.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        """Draw on this console."""
        self._console = console
        self._clock = clock
        self._began = self._said_at = clock()
        self._units: list[UnitStatus] = []
        self._printed: set[str] = set()
        self._said_services = False
        self._live = Live(console=console, refresh_per_second=10, transient=False)

    def __enter__(self) -> Self:
        """Begin to draw."""
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last state on the screen."""
        if self._console.is_terminal:
            self._live.stop()
        else:
            self._print(self._units)

    def show(self, units: list[UnitStatus]) -> None:
        """Draw this state."""
        self._units = units
        if self._console.is_terminal:
            self._live.update(self._table())
        else:
            self._print([unit for unit in units if unit.state in _SETTLED])
            self._say_services(units)
            self._say_who_is_waited_for(units)

    def _say_who_is_waited_for(self, units: list[UnitStatus]) -> None:
        now, late = self._clock(), [unit.name for unit in units if unit.state == "starting"]
        if late and now - self._said_at >= _EVERY_SECONDS:
            self._said_at = now
            self._say(f"still starting after {now - self._began:.0f} s: {', '.join(late)}")

    def _print(self, units: list[UnitStatus]) -> None:
        """Print the lines of those that have none yet, by hand: a table knows its width only at its end."""
        width = max((len(unit.name) for unit in self._units), default=0)
        for unit in units:
            if unit.name not in self._printed:
                self._said_at = self._clock()
                self._printed.add(unit.name)
                line = f"{unit.name:{width}}  {unit.state:8}  {_seconds(unit)}".rstrip()
                self._say(line)

    def _say(self, line: str) -> None:
        _say_at_once(self._console, line)

    def _say_services(self, units: list[UnitStatus]) -> None:
        """Print once that the services are next: all start together, and none has a line for some seconds."""
        if not self._said_services and any(unit.kind == Kind.SERVICE and unit.state == "starting" for unit in units):
            self._said_services = True
            self._say("starting the services ...")

    def _table(self) -> Table:
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        for unit in self._units:
            table.add_row(unit.name, f"[{_STYLES.get(unit.state, '')}]{unit.state}[/]", _seconds(unit))
        return table


@contextmanager
def said(console: Console, what: str) -> Generator[None]:
    """Print what is done while the block lasts: at once, and every ten seconds how long it has taken so far."""
    began, over = time.monotonic(), threading.Event()

    def say_on() -> None:
        while not over.wait(_EVERY_SECONDS):
            _say_at_once(console, f"still {what} after {time.monotonic() - began:.0f} s ...")

    _say_at_once(console, f"{what[0].upper()}{what[1:]} ...")
    sayer = threading.Thread(target=say_on, daemon=True)
    sayer.start()
    try:
        yield
    finally:
        over.set()
        sayer.join()


def _say_at_once(console: Console, line: str) -> None:
    console.print(line, markup=False, soft_wrap=True)
    console.file.flush()  # a pipe would keep it back


def _seconds(unit: UnitStatus) -> str:
    return f"{unit.seconds:.1f} s" if unit.seconds else ""
