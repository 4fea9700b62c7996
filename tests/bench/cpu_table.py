"""The table of processor time of the parts that run one service alone."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from bench.cpu import by_process


def cpu_table(of_one: str, stages: Sequence[tuple[str, Mapping[str, float]]]) -> Table:
    """Milliseconds `of_one` callback or delivery, for each stage by its name: one column a stage, one row a process."""
    drawn = Table(f"CPU ms a {of_one}", *(name for name, _ in stages))
    totals = [by_process(cpu) for _, cpu in stages]
    for name in sorted({name for total in totals for name in total}):
        drawn.add_row(name, *(f"{total[name]:.2f}" if name in total else "" for total in totals))
    return drawn
