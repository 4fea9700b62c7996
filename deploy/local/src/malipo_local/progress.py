"""Draws a start as it happens: one line for each process, with its seconds."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from malipo_local.stack import UnitStatus

_STYLES = {"ready": "green", "done": "green", "starting": "yellow", "failed": "red", "waiting": "dim"}


class Board:
    """A table that is drawn over and over on a terminal, and once elsewhere."""

    def __init__(self, console: Console) -> None:
        """Draw on this console."""
        self._console = console
        self._units: list[UnitStatus] = []
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
            self._console.print(self._table())

    def show(self, units: list[UnitStatus]) -> None:
        """Draw this state."""
        self._units = units
        if self._console.is_terminal:
            self._live.update(self._table())

    def _table(self) -> Table:
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        for unit in self._units:
            seconds = f"{unit.seconds:.1f} s" if unit.seconds else ""
            table.add_row(unit.name, f"[{_STYLES.get(unit.state, '')}]{unit.state}[/]", seconds)
        return table
