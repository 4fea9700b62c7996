"""Parts of the benchmark that are run by a command of their own."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from bench import compare as comparing
from bench import goals, report
from bench import hops as hopping
from bench import idle as resting
from bench import providers as paying
from bench.checkout import CheckoutError, checkout_of
from bench.shell import Rate, Save, Seconds, WarmUp, finish, say, show
from bench.system import FULL_COMPILER, SERVICES, SETTINGS, Settings

app = typer.Typer()


@app.command()
def idle(
    seconds: Annotated[float, typer.Option(min=1, help="How long to measure.")] = 60,
    settle: Annotated[float, typer.Option(min=0, help="How long it is left alone before.")] = 30,
    save: Save = False,
) -> None:
    """What a stack takes that has nothing to do, by part: two minutes."""
    found = resting.run(settle, seconds, {}, say)
    show("idle", [report.goals_table(goals.of_idle(found)), report.idle_table(found)], found.described, save=save)
    finish([], well="Nothing was asked of it.")


@app.command()
def compare(
    other: Annotated[Path | None, typer.Option("--with", help="Another checkout, set up by `make setup`.")] = None,
    commit: Annotated[str | None, typer.Option(help="Or a commit, which is checked out and set up meanwhile.")] = None,
    rate: Rate = 20,
    seconds: Seconds = 60,
    warm_up: WarmUp = 60,
    rounds: Annotated[int, typer.Option(min=1, help="How often each is measured.")] = 3,
    save: Save = False,
) -> None:
    """An older commit beside this one, in turn, each time on a new stack: a quarter of an hour."""
    if (other is None) == (commit is None):
        message = "Give the older commit, either by --with PATH or by --commit REVISION."
        raise typer.BadParameter(message)
    try:
        with nullcontext(other) if other else checkout_of(commit or "", say) as place:
            compared = comparing.run(
                place,
                rounds=rounds,
                rate=rate,
                warm_up=warm_up,
                seconds=seconds,
                settings=SETTINGS | FULL_COMPILER,
                say=say,
            )
    except CheckoutError as error:
        raise typer.BadParameter(str(error)) from error
    tables = [report.stages_table(compared.in_turn), report.limits_table(compared.in_turn)]
    reached = report.goals_table(goals.of_comparison(compared))
    show("compare", [reached, report.comparison_table(compared), *tables], compared.described, save=save)
    finish(compared.wrong)


@app.command()
def hops(rate: Rate = 50, seconds: Seconds = 60, warm_up: WarmUp = 30, save: Save = False) -> None:
    """Where a payment's time goes: each hop from its request to the merchant's 2xx, which add up to the whole."""
    finish(trace_hops(rate, warm_up, seconds, SETTINGS | FULL_COMPILER, save=save))


def trace_hops(rate: float, warm_up: float, seconds: float, settings: Settings, *, save: bool) -> list[str]:
    """The hops of a payment, shown and saved; returns what went wrong."""
    traced = hopping.run(rate, warm_up, seconds, settings, say)
    stages = [traced.stage]
    tables = [report.hops_table(traced.hops), report.stages_table(stages), report.limits_table(stages)]
    show("hops", tables, traced.described, save=save)
    return traced.wrong


@app.command()
def providers(rate: Rate = 50, seconds: Seconds = 40, warm_up: WarmUp = 20, save: Save = False) -> None:
    """What a payment costs by each of the four methods alone, and by all in turn: six minutes."""
    finish(compare_providers(rate, warm_up, seconds, SETTINGS | FULL_COMPILER, save=save))


def compare_providers(rate: float, warm_up: float, seconds: float, settings: Settings, *, save: bool) -> list[str]:
    """The cost by provider, shown and saved; returns what went wrong."""
    paid = paying.run(rate, warm_up, seconds, settings, say)
    tables = [
        report.cpu_table(paid.stages, SERVICES),
        report.stages_table(paid.stages),
        report.limits_table(paid.stages),
    ]
    show("providers", tables, paid.described, save=save)
    return paid.wrong
