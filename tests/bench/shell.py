"""What all commands of the benchmark share: their options, progress, how tables are shown and kept, and the end."""

import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from bench import page

console = Console(width=150)

Rate = Annotated[float, typer.Option(min=1, help="Payments a second.")]
Seconds = Annotated[float, typer.Option(min=1, help="How long to measure, after the warm-up.")]
Save = Annotated[bool, typer.Option("--save", help="Write the figures into docs/benchmarks.md.")]
WarmUp = Annotated[float, typer.Option(min=1, help="Seconds of the same load that are not measured.")]

BYTES_OF_A_PAYMENT = 14_000
"""On the disk, in all databases while they grow: five million take 70 GB."""


def say(text: str) -> None:
    """Progress."""
    console.print(text, highlight=False)


def show(part: page.Part, tables: list[Table], described: Mapping[str, str], *, save: bool) -> None:
    """Print the tables of a part, and keep them if wanted."""
    console.print(*tables)
    if save:
        page.save(part, described, _command(), tables)


def finish(
    wrong: list[str], *, sound: bool = True, line: str | None = None, well: str = "The books agree."
) -> NoReturn:
    """Print what went wrong, or that all is `well`, and the line of JSON if there is one, and exit."""
    console.print(*wrong or [well], sep="\n")
    if line is not None:
        print(line)  # noqa: T201 - nothing but JSON may be in this line
    raise typer.Exit(not sound or bool(wrong))


def require_disk(payments: float) -> None:
    """Refuse with exit code 2 to begin what would fill the disk that stacks are on."""
    folder = tempfile.gettempdir()
    needed, free = payments * BYTES_OF_A_PAYMENT / 1e9, shutil.disk_usage(folder).free / 1e9
    if free < needed:
        console.print(
            f"{payments:.0f} payments take {needed:.0f} GB of disk; {folder} has {free:.0f} GB free.",
            "Name another folder by TMPDIR, or leave growth out: make bench ARGS=rates (or traces, replicas, --quick).",
            sep="\n",
            style="red",
            highlight=False,
        )
        raise typer.Exit(2)


def _command() -> str:
    """As it was called, but for where folders of this machine are."""
    given = " ".join(Path(one).name if Path(one).is_absolute() else one for one in sys.argv[1:])
    return f'make bench ARGS="{given}"' if given else "make bench"
