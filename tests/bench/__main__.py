"""The command line: `python -m bench --help`."""

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bench import goals, page, profiling, report, stage, variants, whole
from bench import growth as growing
from bench.bare.path import bare_path
from bench.load import Load, firing
from bench.stage import Stage
from bench.stages import QUICK, WHOLE
from bench.system import FULL_COMPILER, SERVICES, SETTINGS, running
from malipo import clock
from malipo_local import Stack
from malipo_local.signals import stop_on_signals

app = typer.Typer(help="Benchmarks on the whole real system.", add_completion=False)
console = Console(width=150)

Rate = Annotated[float, typer.Option(min=1, help="Payments a second.")]
Seconds = Annotated[float, typer.Option(min=1, help="How long to measure, after the warm-up.")]
WarmUp = Annotated[float, typer.Option(min=1, help="Seconds of the same load that are not measured.")]


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    quick: Annotated[
        bool, typer.Option("--quick", help="At most four minutes: no growth, replicas and traces.")
    ] = False,
    save: Annotated[bool, typer.Option("--save", help="Write the figures into docs/benchmarks.md.")] = False,
    scale: Annotated[float, typer.Option(min=0.01, help="Shortens everything, to try the benchmark itself.")] = 1,
) -> None:
    """The highest rate, half of it, the bare path; then what traces, replicas and growth cost. Ends with a line of JSON.

    Exits 1 when no rate held, anything went wrong, or Malipo's book and Stripe's differ.
    """
    stop_on_signals()
    if context.invoked_subcommand is not None:
        return
    began = clock.monotonic()
    run = whole.run((QUICK if quick else WHOLE).scaled(scale), SETTINGS if quick else SETTINGS | FULL_COMPILER, say)
    tables, wrong = [report.goals_table(goals.of_run(run)), *report.run_tables(run)], list(run.wrong)
    console.print(*tables)
    for part in () if quick else (traces_cost, replicas_cost, growth_cost):
        if save:  # what is known by now: the next part takes long, and much disk
            page.save(run.machine, " ".join(["make bench", *sys.argv[1:]]), tables)
        more, wrong_there = part(run.found.half.rate, scale)
        console.print(*more)
        tables, wrong = tables + more, wrong + wrong_there
    console.print(*wrong or ["Malipo's book equals Stripe's."], sep="\n")
    if save:
        page.save(run.machine, " ".join(["make bench", *sys.argv[1:]]), tables)
    print(report.line(run, clock.monotonic() - began))  # noqa: T201 - nothing but JSON may be in this line
    raise typer.Exit(not run.sound or bool(wrong))


Part = tuple[list[Table], list[str]]
"""The tables of a part of the whole, and what went wrong or the books differ on."""


def traces_cost(rate: float, scale: float) -> Part:
    """What traces cost."""
    with variants.traces() as traced:
        measured, wrong = _measured(traced, rate, scale)
    return [report.cpu_table(measured, SERVICES)], wrong


def replicas_cost(rate: float, scale: float) -> Part:
    """What replicas cost."""
    measured, wrong = _measured(variants.replicas(), rate, scale)
    return [report.goals_table(goals.of_replicas(measured)), report.cpu_table(measured, SERVICES)], wrong


def growth_cost(rate: float, scale: float) -> Part:
    """What five million payments cost."""
    grown, wrong = growing.run(
        round(5_000_000 * scale),
        first_payments=round(10_000 * scale),
        rate=rate,
        seconds=60 * scale,
        settings=SETTINGS | FULL_COMPILER,
        say=say,
    )
    return [report.goals_table(goals.of_growth(grown)), report.growth_table(grown, SERVICES)], wrong


def _measured(different: list[variants.Variant], rate: float, scale: float) -> tuple[list[Stage], list[str]]:
    base = SETTINGS | FULL_COMPILER
    return variants.measure(different, rate=rate, warm_up=30 * scale, seconds=60 * scale, base=base, say=say)


def say(text: str) -> None:
    """Progress."""
    console.print(text, highlight=False)


@app.command()
def fixed(
    rate: Rate = 100,
    seconds: Seconds = 30,
    warm_up: WarmUp = 20,
    full_compiler: bool = False,
    bare: bool = False,
) -> None:
    """One stage at a fixed rate, of the system or of the bare path: what a payment costs in each process."""
    settings = SETTINGS | (FULL_COMPILER if full_compiler else {})
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder) / "stack", settings=settings) as stack:
        if not bare:
            with running(stack) as system:
                console.print("the shops are open")
                measured = stage.run(system, "fixed", rate=rate, warm_up=warm_up, seconds=seconds)
                report.show(console, [measured], SERVICES)
            return
        for name in SERVICES:
            stack.stop_service(name)
        with bare_path(stack, Path(folder)) as path:
            measured = stage.run(path, "bare", rate=rate, warm_up=warm_up, seconds=seconds)
            report.show(console, [measured], SERVICES)


@app.command()
def growth(
    payments: Annotated[int, typer.Option(min=1000, help="How many the databases hold in the end.")] = 5_000_000,
    first: Annotated[int, typer.Option(min=100, help="How many of them are made one by one.")] = 10_000,
    rate: Rate = 60,
    seconds: Seconds = 60,
) -> None:
    """The same load with few and with very many payments. Five million take an hour and 80 GB."""
    grown, wrong = growing.run(payments, first_payments=first, rate=rate, seconds=seconds, settings=SETTINGS, say=say)
    console.print(report.growth_table(grown, SERVICES), *wrong, sep="\n")
    raise typer.Exit(bool(wrong))


@app.command()
def replicas(rate: Rate = 60, seconds: Seconds = 60, warm_up: WarmUp = 20) -> None:
    """The same load on one, two and four processes of each service."""
    compare(variants.replicas(), rate, warm_up, seconds)


@app.command()
def traces(rate: Rate = 60, seconds: Seconds = 60, warm_up: WarmUp = 20) -> None:
    """The same load with no trace kept, a tenth of them, and all."""
    with variants.traces() as traced:
        compare(traced, rate, warm_up, seconds)


@app.command()
def memory(payments: Annotated[int, typer.Option(min=1)] = 10_000, rate: Rate = 60) -> None:
    """Resident memory of every process, idle and after many payments."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Stack(Path(folder) / "stack", settings=SETTINGS) as stack,
        running(stack) as system,
    ):
        idle = stack.rss()
        made = stage.run(system, "memory", rate=rate, warm_up=1, seconds=payments / rate)
        console.print(report.memory_table(idle, stack.rss(), made.payments))


@app.command()
def profile(service: str = "orchestrator", rate: Rate = 60, seconds: Seconds = 30, warm_up: WarmUp = 15) -> None:
    """Where the processor time of one service goes under load."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Stack(Path(folder) / "stack", settings=SETTINGS) as stack,
        running(stack) as system,
        firing(Load(targets=system.targets, rate=rate, seconds=warm_up + seconds + 5)) as generator,
    ):
        stage.wait_until(generator.began + warm_up)
        stacks = profiling.record(system.roots[service][0], seconds)
        generator.shots()
    console.print(report.profile_table(service, profiling.hottest(stacks)))


def compare(different: list[variants.Variant], rate: float, warm_up: float, seconds: float) -> None:
    """Measure some variants and show what a payment costs in each; exits 1 when something went wrong."""
    measured, wrong = variants.measure(different, rate=rate, warm_up=warm_up, seconds=seconds, base=SETTINGS, say=say)
    console.print(report.stages_table(measured), report.cpu_table(measured, SERVICES), *wrong, sep="\n")
    raise typer.Exit(bool(wrong))


if __name__ == "__main__":
    app()
