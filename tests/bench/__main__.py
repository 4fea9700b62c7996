"""The command line: `make bench`."""

import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bench import books, goals, machine, parts, profiling, report, stage, variants, whole
from bench import growth as growing
from bench import rolling as restarting
from bench.bare.path import bare_path
from bench.latency import REAL, Profile
from bench.load import Load, firing
from bench.shell import Rate, Save, Seconds, WarmUp, console, finish, require_disk, say, show
from bench.stages import QUICK, WHOLE, Times
from bench.system import FULL_COMPILER, SERVICES, SETTINGS, Settings, running
from bench.whole import Run
from malipo import clock
from malipo_local import Stack
from malipo_local.signals import stop_on_signals

app = typer.Typer(add_completion=False)
app.add_typer(parts.app)


class Answers(StrEnum):
    """When the provider answers."""

    AT_ONCE = "at-once"
    REAL = "real"
    """After 120 ms at p50 and 400 ms at p99."""


_MOST_PAYMENTS = 5_000_000


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    quick: Annotated[
        bool, typer.Option("--quick", help="At most four minutes: no growth, replicas and traces.")
    ] = False,
    save: Save = False,
    scale: Annotated[float, typer.Option(min=0.01, help="Shortens everything, to try the benchmark itself.")] = 1,
) -> None:
    """The highest rate, half of it, the bare path; then hops, providers, traces, replicas, webhooks, callbacks, growth. Ends with a line of JSON.

    Takes an hour and a half, and 70 GB of disk for the growth part.

    Exits 1 when no rate held, anything went wrong, or Malipo's book and a provider's differ.
    """
    stop_on_signals()
    if context.invoked_subcommand is not None:
        return
    if not quick:
        require_disk(_MOST_PAYMENTS * scale)
    began = clock.monotonic()
    settings = SETTINGS if quick else SETTINGS | FULL_COMPILER
    run = find_rates((QUICK if quick else WHOLE).scaled(scale), settings, save=save)
    wrong = run.wrong if quick else run.wrong + others(run.found.half.rate, scale, settings, save=save)
    finish(wrong, sound=run.sound, line=report.line(run, clock.monotonic() - began))


def find_rates(times: Times, settings: Settings, *, save: bool, latency: Profile | None = None) -> Run:
    """The highest rate, half of it, and the bare path."""
    run = whole.run(times, settings, say, latency)
    show("rates", [report.goals_table(goals.of_run(run)), *report.run_tables(run)], run.machine, save=save)
    return run


def others(rate: float, scale: float, settings: Settings, *, save: bool) -> list[str]:
    """The hops, the cost by provider, what traces, replicas and growth cost, how webhooks are delivered and callbacks answered, each shown and saved as soon as it is known; returns what went wrong."""
    seconds, warm_up = 60 * scale, 30 * scale
    wrong = parts.trace_hops(rate, warm_up, seconds, settings, save=save)
    wrong += parts.compare_providers(rate, warm_up, seconds, settings, save=save)
    wrong += compare_traces(rate, warm_up, seconds, settings, save=save)
    wrong += compare_replicas(rate, warm_up, seconds, settings, save=save)
    wrong += parts.try_webhooks(100, 10 * scale, seconds, save=save)[1]
    wrong += parts.try_callbacks(parts.SENDER, 500, 10 * scale, seconds, save=save)[1]
    return wrong + compare_sizes(_MOST_PAYMENTS * scale, 10_000 * scale, rate, seconds, settings, save=save)


def compare_traces(rate: float, warm_up: float, seconds: float, settings: Settings, *, save: bool) -> list[str]:
    """What a payment costs with no trace kept, a tenth of them, and all."""
    with variants.traces() as traced:
        measured, wrong = variants.measure(traced, rate=rate, warm_up=warm_up, seconds=seconds, base=settings, say=say)
    tables = [report.stages_table(measured), report.limits_table(measured), report.cpu_table(measured, SERVICES)]
    show("traces", tables, machine.hardware(), save=save)
    return wrong


def compare_replicas(rate: float, warm_up: float, seconds: float, settings: Settings, *, save: bool) -> list[str]:
    """What a payment costs on one, two and four processes of each service."""
    measured, wrong = variants.measure(
        variants.replicas(), rate=rate, warm_up=warm_up, seconds=seconds, base=settings, say=say
    )
    reached = report.goals_table(goals.of_replicas(measured))
    tables = [
        reached,
        report.stages_table(measured),
        report.limits_table(measured),
        report.cpu_table(measured, SERVICES),
    ]
    show("replicas", tables, machine.hardware(), save=save)
    return wrong


def compare_sizes(
    payments: float, first: float, rate: float, seconds: float, settings: Settings, *, save: bool
) -> list[str]:
    """What a payment and a list cost with few and with very many payments."""
    grown, wrong = growing.run(
        round(payments), first_payments=round(first), rate=rate, seconds=seconds, settings=settings, say=say
    )
    measured = [one.stage for one in grown]
    stages = [report.stages_table(measured), report.limits_table(measured)]
    tables = [report.goals_table(goals.of_growth(grown)), *stages, report.growth_table(grown, SERVICES)]
    show("growth", tables, machine.hardware(), save=save)
    return wrong


@app.command()
def rates(
    latency: Annotated[Answers, typer.Option(help="When the provider answers.")] = Answers.AT_ONCE,
    scale: Annotated[float, typer.Option(min=0.01, help="Shortens everything, to try the benchmark itself.")] = 1,
    save: Save = False,
) -> None:
    """The highest rate, half of it, and the bare path alone: twenty minutes."""
    began = clock.monotonic()
    profile = REAL if latency is Answers.REAL else None
    run = find_rates(WHOLE.scaled(scale), SETTINGS | FULL_COMPILER, save=save, latency=profile)
    finish(run.wrong, sound=run.sound, line=report.line(run, clock.monotonic() - began))


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
                console.print("the merchants are open")
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
    payments: Annotated[int, typer.Option(min=1000, help="How many the databases hold in the end.")] = _MOST_PAYMENTS,
    first: Annotated[int, typer.Option(min=100, help="How many of them are made one by one.")] = 10_000,
    rate: Rate = 60,
    seconds: Seconds = 60,
    save: Save = False,
) -> None:
    """The same load with few and with very many payments. Five million take half an hour and 70 GB."""
    require_disk(payments)
    finish(compare_sizes(payments, first, rate, seconds, SETTINGS, save=save))


@app.command()
def replicas(rate: Rate = 60, seconds: Seconds = 60, warm_up: WarmUp = 20, save: Save = False) -> None:
    """The same load on one, two and four processes of each service on a card payment's path."""
    finish(compare_replicas(rate, warm_up, seconds, SETTINGS, save=save))


@app.command()
def traces(rate: Rate = 60, seconds: Seconds = 60, warm_up: WarmUp = 20, save: Save = False) -> None:
    """The same load with no trace kept, a tenth of them, and all."""
    finish(compare_traces(rate, warm_up, seconds, SETTINGS, save=save))


@app.command()
def rolling(
    rate: Rate = 50,
    seconds: Seconds = 30,
    warm_up: WarmUp = 20,
    save: Save = False,
) -> None:
    """Each service on a card payment's path restarted under load, in two ways, two replicas of each: five minutes."""
    rolled = restarting.run(rate, warm_up, seconds, SETTINGS, say)
    tables = [report.goals_table(goals.of_rolling(rolled)), report.rolling_table(rolled.phases)]
    show("rolling", tables, rolled.described, save=save)
    finish([*(line for phase in rolled.phases for line in phase.complaints), *rolled.wrong])


@app.command()
def memory(
    payments: Annotated[int, typer.Option(min=1, help="How many are made between the two readings.")] = 10_000,
    rate: Rate = 60,
) -> None:
    """Resident memory of every process, idle and after many payments."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Stack(Path(folder) / "stack", settings=SETTINGS) as stack,
        running(stack) as system,
    ):
        idle = stack.rss()
        made = stage.run(system, "memory", rate=rate, warm_up=1, seconds=payments / rate)
        console.print(report.memory_table(idle, stack.rss(), made.payments))
        wrong = [*made.complaints, *books.differences(system)]
    finish(wrong)


@app.command()
def profile(service: str = "orchestrator", rate: Rate = 60, seconds: Seconds = 30, warm_up: WarmUp = 15) -> None:
    """Where the processor time of one service goes under load."""
    if service not in SERVICES:
        message = f"'{service}' is no service: give one of {', '.join(SERVICES)}."
        raise typer.BadParameter(message)
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


if __name__ == "__main__":
    app(prog_name="make bench ARGS=...")
