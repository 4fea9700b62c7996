"""Writes the figures of a whole run into docs/benchmarks.md, between two marks."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.table import Table

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def save(machine: Mapping[str, str], command: str, tables: Sequence[Table], page: Path = PAGE) -> None:
    """Replace what stands between the marks."""
    before, _, rest = page.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    described = "\n".join(f"* {name}: {value}" for name, value in machine.items())
    parts = [f"`{command}` on this machine:\n\n{described}", *map(as_markdown, tables)]
    page.write_text(f"{before}{BEGIN}\n\n{'\n\n'.join(parts)}\n\n{END}{after}", "utf-8")


def as_markdown(table: Table) -> str:
    """A table of rich's as one of Markdown's."""
    head = [str(column.header) for column in table.columns]
    rows = zip(*(column.cells for column in table.columns), strict=True)
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *([str(cell).strip() for cell in row] for row in rows)]
    title = f"**{table.title}**\n\n" if table.title else ""
    return title + "\n".join(f"| {' | '.join(line)} |" for line in lines)
