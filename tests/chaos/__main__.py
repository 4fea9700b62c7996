"""The command line: `make crash-matrix` and `make chaos`."""

import secrets
import time
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from chaos import matrix, report, storms, system
from chaos.matrix import Cell, Matrix, Result
from chaos.onlooker import Onlooker
from chaos.operations import OPERATIONS, Operation
from chaos.storms import Verdict
from malipo_local.signals import stop_on_signals

cli = typer.Typer(no_args_is_help=True)
console = Console(soft_wrap=True)

_Operations = Annotated[
    list[str] | None, typer.Option("--operation", help=f"One of: {', '.join(one.name for one in OPERATIONS)}.")
]


@cli.callback()
def main() -> None:
    """Break Malipo in every way, and hold it to its promise."""
    stop_on_signals()


@cli.command("matrix")
def crash_matrix(
    operation: _Operations = None,
    stores: Annotated[bool, typer.Option(help="Also let stores fail under load.")] = True,
    replicas: Annotated[bool, typer.Option(help="Also run a sample with two of every service.")] = True,
    write: Annotated[bool, typer.Option(help="Write docs/crash-matrix.md, if it was the whole.")] = True,
) -> None:
    """Kill every service at every point there is, one at a time. Takes most of an hour; exits 1 on any violation."""
    began = time.monotonic()
    if unknown := set(operation or ()) - {one.name for one in OPERATIONS}:
        problem = f"There is no operation {min(unknown)!r}."
        raise typer.BadParameter(problem, param_hint="--operation")
    chosen = [one for one in OPERATIONS if not operation or one.name in operation]
    crashed, verdicts = _crash_all(chosen, stores=stores)
    replicated = _crash_replicas([one.cell for one in crashed], chosen) if replicas else []
    findings = report.Findings("make crash-matrix", time.monotonic() - began, crashed, replicated, verdicts)
    if write and stores and replicas and not operation:
        report.PAGE.write_text(report.page(findings))
        console.print(f"written to {report.PAGE.relative_to(report.PAGE.parents[1])}")
    green = sum(one.green for one in crashed)
    word = "kept" if findings.green else "BROKEN"
    console.print(f"crash matrix: {word}; {green} of {len(crashed)} crossings green, {len(replicated)} with replicas")
    raise typer.Exit(not findings.green)


@cli.command("random")
def random_chaos(
    minutes: Annotated[float, typer.Option(min=0.2, max=24 * 60)] = 5,
    seed: Annotated[int | None, typer.Option(help="Repeats a run; a new one is chosen and printed otherwise.")] = None,
    rate: Annotated[float, typer.Option(min=1, max=200, help="Payments a second.")] = 10,
    replicas: Annotated[int, typer.Option(min=1, max=4, help="Of every service.")] = 1,
) -> None:
    """Kill or freeze anything at random under load, while Stripe misbehaves. Exits 1 on any violation."""
    chosen = secrets.randbelow(1_000_000) if seed is None else seed
    console.print(f"chaos for {minutes:g} minutes at {rate:g} payments a second, seed {chosen}")
    overrides = {"stripe-sim": {"SEED": str(chosen)}}
    with (
        system.running(failpoints=False, replicas=replicas, overrides=overrides) as running,
        Onlooker(running.stack) as onlooker,
    ):
        say = _stopwatch()
        verdict = storms.random(running, onlooker, minutes=minutes, seed=chosen, rate=rate, say=say)
    for line in verdict.broken[:50]:
        console.print(f"[red]{line}")
    struck = sum(verdict.struck.values())
    console.print(
        f"chaos: {'BROKEN' if verdict.broken else 'kept'}; seed {chosen}, {verdict.ledger.wanted} payments asked for, "
        f"{verdict.ledger.accepted} accepted and ended, {struck} kills and freezes, at rest after {verdict.rest_seconds:.0f} s, "
        f"{len(verdict.broken)} violations"
    )
    raise typer.Exit(bool(verdict.broken))


def _crash_all(operations: Sequence[Operation], *, stores: bool) -> tuple[list[Result], list[Verdict]]:
    console.print("Starting the system ...")
    with system.running() as running, matrix.opened(running, operations) as opened:
        cells = [cell for operation in operations for cell in opened.record(operation)]
        console.print(f"{len(cells)} crossings of {len(operations)} operations are recorded.")
        if len(operations) == len(OPERATIONS) and (missing := matrix.missing(cells)):
            message = f"never come by: {', '.join(missing)}"
            raise AssertionError(message)
        results = _crash(opened, matrix.spread(cells))
        verdicts: list[Verdict] = []
        with Onlooker(running.stack) as onlooker:
            for store in ("kafka", "postgres") if stores else ():
                for fault in storms.STORE_FAULTS:
                    verdicts.append(storms.without(running, onlooker, store, fault))
                    console.print(f"{verdicts[-1].name}: {verdicts[-1].broken or 'kept'}")
    return results, verdicts


def _crash_replicas(cells: Sequence[Cell], operations: Sequence[Operation]) -> list[Result]:
    console.print("Starting two of every service ...")
    with system.running(replicas=2) as running, matrix.opened(running, operations) as opened:
        return _crash(opened, matrix.spread(matrix.sample([cell for cell in cells if cell.crossing.nth == 1])))


def _crash(opened: Matrix, cells: Sequence[Cell]) -> list[Result]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    results: list[Result] = []
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        task = progress.add_task("crashing", total=len(cells))
        for cell in cells:
            results.append(opened.crash(cell))
            if not results[-1].green:
                why = "; ".join(results[-1].broken) or "was not reached"
                progress.console.print(f"[red]{cell.operation.name}: {cell.crossing}: {why}")
            progress.advance(task)
            if not console.is_terminal and len(results) % 100 == 0:  # a bar is for terminals
                left_seconds = progress.tasks[task].time_remaining
                console.print(f"{len(results)} of {len(cells)} done, {left_seconds or 0:.0f} s to go")
    return results


def _stopwatch() -> storms.Say:
    began = time.monotonic()

    def say(what: str) -> None:
        console.print(f"{time.monotonic() - began:6.0f} s  {what}")

    return say


if __name__ == "__main__":
    cli()
