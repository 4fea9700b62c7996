"""Writes figures into the pages of docs/ that have them, those of each part between two marks of its own."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Literal

from rich.table import Table

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
_ENDURANCE = PAGE.with_name("endurance.md")

Part = Literal[
    "rates",
    "traces",
    "replicas",
    "growth",
    "callbacks",
    "rolling",
    "idle",
    "compare",
    "hops",
    "providers",
    "latency",
    "webhooks",
    "sizes",
    "endurance",
]


def page_of(part: Part) -> Path:
    """The page that has a part's figures."""
    return _ENDURANCE if part == "endurance" else PAGE


def save(
    part: Part, machine: Mapping[str, str], command: str, tables: Sequence[Table], page: Path | None = None
) -> None:
    """Replace what stands between the part's marks. Raises ValueError if the page has none."""
    page = page or page_of(part)
    begin, end = f"<!-- {part}: begin -->", f"<!-- {part}: end -->"
    before, found, rest = page.read_text("utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(begin)
    described = "".join(f"\n* {name}: {value}" for name, value in machine.items())
    day = date.today().isoformat()  # noqa: DTZ011 - the day on the author's wall
    pieces = [f"`{command}`, {day}, on this machine:\n{described}", *map(as_markdown, tables)]
    page.write_text(f"{before}{begin}\n\n{'\n\n'.join(pieces)}\n\n{end}{after}", "utf-8")


def as_markdown(table: Table) -> str:
    """A table of rich's as one of Markdown's."""
    head = [str(column.header) for column in table.columns]
    rows = zip(*(column.cells for column in table.columns), strict=True)
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *([str(cell).strip() for cell in row] for row in rows)]
    title = f"**{table.title}**\n\n" if table.title else ""
    return title + "\n".join(f"| {' | '.join(line)} |" for line in lines)
