"""The command line: `make crash-matrix` and `make chaos`."""

import secrets
import time
from collections import Counter
from collections.abc import Collection, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from itertools import chain, product
from queue import SimpleQueue
from typing import Annotated, cast

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from chaos import matrix, red, report, storms, system
from chaos.load import Say
from chaos.matrix import Cell, Matrix, Result
from chaos.onlooker import Onlooker
from chaos.operations import OPERATIONS
from chaos.operations.operation import Operation
from chaos.storms import StormResult
from chaos.system import System
from malipo.contracts.providers import PROVIDERS
from malipo_local.signals import stop_on_signals

_JOBS = 3
"""Most of a crossing is a service that starts, which keeps one processor busy; for the rest it waits."""
_CROSSING_SECONDS = 4.6
"""Of one among so many, on two cores."""

cli = typer.Typer(no_args_is_help=True)
console = Console(soft_wrap=True)

_Operations = Annotated[
    list[str] | None, typer.Option("--operation", help=f"One of: {', '.join(one.name for one in OPERATIONS)}.")
]


@cli.callback()
def main() -> None:
    """Break Malipo in every way, and check its promise."""
    stop_on_signals()


@cli.command("crash-matrix", options_metavar="ARGS=... [OPTIONS]")
def crash_matrix(
    operation: _Operations = None,
    crossing: Annotated[
        list[str] | None, typer.Option(help="Crash only crossings of this name, or with this in their name.")
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="Crash nothing, list the crossings.")] = False,
    stores: Annotated[
        bool | None,
        typer.Option(
            "--stores/--no-stores", help="Also let stores fail under load. The default, but not with --crossing."
        ),
    ] = None,
    replicas: Annotated[
        bool | None,
        typer.Option(
            "--replicas/--no-replicas",
            help="Also run a sample with two of every service. The default, but not with --crossing.",
        ),
    ] = None,
    jobs: Annotated[
        int, typer.Option(min=1, max=16, help="Systems side by side, each with crossings of its own.")
    ] = _JOBS,
    write: Annotated[bool, typer.Option(help="Write docs/crash-matrix.md, if it was the whole.")] = True,
) -> None:
    """Kill each service at every crossing of its operations, one by one. Takes most of an hour; exits 1 on a violation."""
    began = time.monotonic()
    chosen = _chosen_operations(operation or ())
    if show:
        return _list(chosen)
    with_stores, with_replicas = (not crossing if one is None else one for one in (stores, replicas))
    results, storm_results = _crash_all(chosen, crossing or (), stores=with_stores, jobs=jobs)
    replicated = _crash_replicas([one.cell for one in results], chosen) if with_replicas else []
    findings = report.Findings("make crash-matrix", time.monotonic() - began, results, replicated, storm_results)
    if write and with_stores and with_replicas and not operation and not crossing:
        report.PAGE.write_text(report.page(findings))
        console.print(f"written to {report.PAGE.relative_to(report.PAGE.parents[1])}")
    green = sum(one.green for one in findings.crashed)
    console.print(
        f"crash matrix: {findings.conclusion}; {green} of {len(findings.crashed)} crossings green, "
        f"{len(replicated)} with replicas; {len(findings.passed)} by chance were not reached again"
    )
    raise typer.Exit(not findings.green)


@cli.command("chaos", options_metavar="ARGS=... [OPTIONS]")
def random_chaos(
    minutes: Annotated[float, typer.Option(min=0.2, max=24 * 60)] = 5,
    seed: Annotated[
        int | None,
        typer.Option(help="Repeats a run's choices, not its timing; a new one is chosen and printed otherwise."),
    ] = None,
    rate: Annotated[float, typer.Option(min=1, max=200, help="Payments a second.")] = 10,
    replicas: Annotated[
        int, typer.Option(min=1, max=4, help="Of every service: one is struck, the others continue.")
    ] = 2,
) -> None:
    """Kill or freeze anything at random under load, while providers misbehave. Exits 1 on any violation."""
    chosen = secrets.randbelow(1_000_000) if seed is None else seed
    console.print(f"chaos for {minutes:g} minutes at {rate:g} payments a second, seed {chosen}")
    say = _stopwatch()
    say("starting the system ...")
    overrides = {f"{provider}-sim": {"SEED": str(chosen)} for provider in PROVIDERS}
    overrides["provider-mpesa"] = {"MPESA_STATEMENT_SECONDS": "10"}  # what nothing else tells stands there alone
    overrides["provider-bank"] = {"BANK_STATEMENT_SECONDS": "5"}  # the same: that money came back
    with (
        system.running(failpoints=False, replicas=replicas, overrides=overrides) as running,
        Onlooker(running.stack) as onlooker,
    ):
        storm = storms.random(running, onlooker, minutes=minutes, seed=chosen, rate=rate, say=say)
        say("stopping the system ...")
    for line in storm.broken[:50]:
        console.print(line, style="red", markup=False)
    struck = sum(storm.struck.values())
    console.print(
        f"chaos: the promise was {'BROKEN' if storm.broken else 'kept'}; seed {chosen}, {storm.ledger.wanted} payments "
        f"requested, {storm.ended} accepted and ended, {struck} kills and freezes, "
        f"at rest after {storm.rest_seconds:.0f} s, {len(storm.broken)} violations"
    )
    raise typer.Exit(bool(storm.broken))


def _chosen_operations(names: Collection[str]) -> list[Operation]:
    if unknown := set(names) - {one.name for one in OPERATIONS}:
        problem = f"There is no operation {min(unknown)!r}."
        raise typer.BadParameter(problem, param_hint="--operation")
    return [one for one in OPERATIONS if not names or one.name in names]


@contextmanager
def _opened(operations: Sequence[Operation], *, replicas: int = 1) -> Generator[tuple[System, Matrix]]:
    console.print(f"starting {'the system' if replicas == 1 else 'two of every service'} ...")
    with system.running(replicas=replicas) as running:
        console.print("opening a merchant for each operation ...")
        with matrix.opened(running, operations) as opened:
            yield running, opened


def _list(operations: Sequence[Operation]) -> None:
    with _opened(operations) as (_, opened):
        for cell in _record(opened, operations):
            console.print(f"{cell.operation.name}: {cell.crossing}", markup=False)


def _record(opened: Matrix, operations: Sequence[Operation]) -> list[Cell]:
    cells: list[Cell] = []
    for operation in operations:
        found = opened.record(operation, recordings=matrix.RECORDINGS)
        console.print(f"recorded {operation.name}: {len(found)} crossings", markup=False)
        cells += found
    if len(operations) == len(OPERATIONS) and (missing := matrix.missing(cells)):
        message = f"never reached: {', '.join(missing)}"
        raise AssertionError(message)
    kept = matrix.once(cells)
    if len(kept) < len(cells):
        console.print(f"{len(cells) - len(kept)} of these {len(cells)} are crashed in another operation")
    by_provider = Counter(PROVIDERS[one.operation.provider].title for one in kept)
    shares = ", ".join(f"{count} with {title}" for title, count in by_provider.items())
    minutes = len(kept) * _CROSSING_SECONDS / _JOBS / 60
    console.print(f"{len(kept)} crossings, {shares}: some {minutes:.0f} minutes on two cores", markup=False)
    return kept


def _record_named(opened: Matrix, operations: Sequence[Operation], texts: Sequence[str]) -> list[Cell]:
    """The cells of these names; recorded again when a run happened to take another path than when they were red."""
    cells: dict[Cell, None] = {}
    for _ in range(matrix.TRIES):
        cells |= dict.fromkeys(_record(opened, operations))
        found = {text: matrix.named(cells, text) for text in texts}
        if all(found.values()):
            return list(dict.fromkeys(chain.from_iterable(found.values())))
    unknown = next(text for text in texts if not matrix.named(cells, text))
    options = chain.from_iterable(("--operation", one.name) for one in operations)
    listing = red.command(*(options if len(operations) < len(OPERATIONS) else ()), "--list")
    console.print(f"In {matrix.TRIES} recordings no crossing has {unknown!r} in its name.", style="red", markup=False)
    console.print(f"This lists them: {listing}", markup=False)
    raise typer.Exit(2)


def _crash_all(
    operations: Sequence[Operation], crossings: Sequence[str], *, stores: bool, jobs: int
) -> tuple[list[Result], list[StormResult]]:
    with _opened(operations) as (running, opened):
        cells = _record_named(opened, operations, crossings) if crossings else _record(opened, operations)
        with ExitStack() as beside:
            more = [beside.enter_context(_opened(operations)) for _ in range(min(jobs, len(cells)) - 1)]
            alone = [[cell] for cell in matrix.spread(cells)]
            results = _crash([opened, *(one for _, one in more)], alone, replicas=False)
        return results, _let_stores_fail(running) if stores else []


def _let_stores_fail(running: System) -> list[StormResult]:
    storm_results: list[StormResult] = []
    with Onlooker(running.stack) as onlooker:
        for store, fault in product(("kafka", "postgres"), storms.STORE_FAULTS):
            storm_results.append(storms.without(running, onlooker, store, fault, say=_stopwatch()))
            kept = "; ".join(storm_results[-1].broken) or "the promise was kept"
            console.print(f"{storm_results[-1].name}: {kept}", markup=False)
    return storm_results


def _crash_replicas(cells: Sequence[Cell], operations: Sequence[Operation]) -> list[Result]:
    with _opened(operations, replicas=2) as (_, opened):
        first = [cell for cell in cells if cell.crossing.nth == 1]
        chosen = [matrix.alike(cell, first) for cell in matrix.spread(matrix.sample(first))]
        return _crash([opened], chosen, replicas=True)


def _crash(matrices: Sequence[Matrix], cells: Sequence[Sequence[Cell]], *, replicas: bool) -> list[Result]:
    """Crash each cell, or what stands in for it, on one of these that is free."""
    free = SimpleQueue[Matrix]()
    for one in matrices:
        free.put(one)

    def crash(some: Sequence[Cell]) -> Result:
        chosen = free.get()
        try:
            return chosen.crash_any(*some)
        finally:
            free.put(chosen)

    with (
        ThreadPoolExecutor(len(matrices)) as pool,
        closing(cast("Generator[Result]", pool.map(crash, cells))) as crashed,
    ):
        return _shown(crashed, len(cells), replicas=replicas)


def _shown(crashed: Iterable[Result], count: int, *, replicas: bool) -> list[Result]:
    """All of them, once they are there; each red one is printed as it comes."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    results: list[Result] = []
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        task = progress.add_task("crashing", total=count)
        for result in crashed:
            results.append(result)
            if not result.green and not result.passed:
                console.print(red.described(result), style="red", markup=False)
                console.print(f"  again: {red.repeat(result, replicas=replicas)}", markup=False)
            progress.advance(task)
            if not console.is_terminal and len(results) % 25 == 0:  # a bar is for terminals
                left_seconds = progress.tasks[task].time_remaining
                console.print(f"{len(results)} of {count} done, {left_seconds or 0:.0f} s to go")
    return results


def _stopwatch() -> Say:
    began = time.monotonic()

    def say(what: str) -> None:
        console.print(f"{time.monotonic() - began:6.0f} s  {what}")

    return say


if __name__ == "__main__":
    cli(prog_name="make")
