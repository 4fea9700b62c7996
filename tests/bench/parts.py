"""Parts of the benchmark that are run by a command of their own."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from bench import compare as comparing
from bench import endurance as enduring
from bench import goals, report
from bench import hops as hopping
from bench import idle as resting
from bench import latency as slowing
from bench import providers as paying
from bench import sizes as keeping
from bench.callbacks import report as reception_report
from bench.callbacks import trial
from bench.callbacks.senders import SENDERS
from bench.checkout import CheckoutError, checkout_of
from bench.methods import BODIES, CARD
from bench.shell import Rate, Save, Seconds, WarmUp, finish, require_disk, say, show
from bench.steadiness import RULE
from bench.system import FULL_COMPILER, PRE_TOUCHED, SERVICES, SETTINGS, Settings
from bench.webhooks import report as delivery_report
from bench.webhooks import trial as webhook_trial
from malipo import clock

app = typer.Typer()

SENDER = next(iter(SENDERS))
"""Whose callbacks are sent unless another is named."""


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
        with nullcontext(other.resolve()) if other else checkout_of(commit or "", say) as place:
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
    tables = [
        report.kinds_table(traced.hops),
        report.hops_table(traced.hops),
        report.stages_table(stages),
        report.limits_table(stages),
    ]
    show("hops", tables, traced.described, save=save)
    return traced.wrong


@app.command()
def providers(rate: Rate = 30, seconds: Seconds = 40, warm_up: WarmUp = 20, save: Save = False) -> None:
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


@app.command()
def latency(
    rate: Rate = 50,
    seconds: Seconds = 60,
    warm_up: WarmUp = 30,
    p50: Annotated[float, typer.Option(min=1, help="Half of all answers take less, ms.")] = slowing.REAL.p50_ms,
    p99: Annotated[float, typer.Option(min=1, help="One of a hundred takes more, ms.")] = slowing.REAL.p99_ms,
    timeouts: Annotated[float, typer.Option(min=0, max=1, help="The share of answers that never come.")] = 0,
    save: Save = False,
) -> None:
    """The same load with a provider that answers at once, and as late as real ones: what is held meanwhile. Four minutes."""
    if p50 > p99:
        message = f"--p99 {p99:g} is less than --p50 {p50:g}: give percentiles in their order, as --p50 120 --p99 400."
        raise typer.BadParameter(message)
    profile = slowing.Profile(p50, p99, timeouts)
    settings = SETTINGS | FULL_COMPILER
    slowed = slowing.run(profile, rate=rate, warm_up=warm_up, seconds=seconds, settings=settings, say=say)
    stages = slowed.stages
    tables = [report.held_table(stages), report.stages_table(stages), report.limits_table(stages)]
    show("latency", [*tables, report.cpu_table(stages, SERVICES)], slowed.described, save=save)
    finish(slowed.wrong)


@app.command()
def callbacks(
    provider: Annotated[str, typer.Option(help=f"Whose callbacks: {', '.join(SENDERS)}.")] = SENDER,
    rate: Annotated[float, typer.Option(min=1, help="Callbacks a second.")] = 500,
    seconds: Seconds = 60,
    warm_up: WarmUp = 10,
    quick: Annotated[bool, typer.Option("--quick", help="Ten seconds each.")] = False,
    save: Save = False,
) -> None:
    """Callbacks at a fixed rate: alone, beside erp-sink and a dead ERP, and with PostgreSQL killed: seven minutes."""
    if provider not in SENDERS:
        message = f"'{provider}' is no provider that sends any: give one of {', '.join(SENDERS)}."
        raise typer.BadParameter(message)
    began = clock.monotonic()
    times = (5, 10) if quick else (warm_up, seconds)
    found, wrong = try_callbacks(provider, rate, *times, save=save)
    line = reception_report.line(found, clock.monotonic() - began)
    finish(wrong, line=line, well="Every callback was taken, is stored and told.")


def try_callbacks(
    provider: str, rate: float, warm_up: float, seconds: float, *, save: bool
) -> tuple[trial.Trial, list[str]]:
    """How fast a provider's callbacks are answered, alone, beside heavy work and with PostgreSQL killed; and what went wrong."""
    found = trial.run(SENDERS[provider], rate=rate, warm_up=warm_up, seconds=seconds, say=say)
    tables = [report.goals_table(goals.of_callbacks(found)), *reception_report.tables(found)]
    show("callbacks", tables, found.described, save=save)
    return found, found.wrong


@app.command()
def webhooks(
    rate: Annotated[float, typer.Option(min=1, help="Events a second for healthy endpoints.")] = 100,
    seconds: Seconds = 60,
    warm_up: WarmUp = 10,
    save: Save = False,
) -> None:
    """The dispatcher alone: deliveries a second per core, killed, and beside endpoints that hang and refuse: six minutes."""
    began = clock.monotonic()
    found, wrong = try_webhooks(rate, warm_up, seconds, save=save)
    line = delivery_report.line(found, clock.monotonic() - began)
    finish(wrong, line=line, well="Every event of a healthy endpoint was delivered.")


def try_webhooks(rate: float, warm_up: float, seconds: float, *, save: bool) -> tuple[webhook_trial.Trial, list[str]]:
    """What the dispatcher does alone, shown and saved; and what went wrong."""
    found = webhook_trial.run(rate=rate, warm_up=warm_up, seconds=seconds, say=say)
    tables = [report.goals_table(goals.of_webhooks(found)), *delivery_report.tables(found)]
    show("webhooks", tables, found.described, save=save)
    return found, found.wrong


@app.command()
def sizes(
    payments: Annotated[int, typer.Option(min=1, help="How many are made.")] = 10_000,
    method: Annotated[str, typer.Option(help=f"What they are made with: {', '.join(BODIES)}.")] = CARD,
    rate: Rate = 60,
    save: Save = False,
) -> None:
    """What is kept of a payment: rows and bytes of each table, indexes included: five minutes."""
    if method not in BODIES:
        message = f"'{method}' is no method: give one of {', '.join(BODIES)}."
        raise typer.BadParameter(message)
    finish(look_at_sizes(payments, method, rate, SETTINGS, save=save))


def look_at_sizes(payments: int, method: str, rate: float, settings: Settings, *, save: bool) -> list[str]:
    """What payments have left in the tables, shown and saved; returns what went wrong."""
    kept = keeping.run(payments, method, rate, settings, say)
    show("sizes", [report.sizes_table(kept)], kept.described, save=save)
    return kept.wrong


@app.command()
def endurance(
    minutes: Annotated[float, typer.Option(min=0.1, help="How long to measure, after the warm-up.")] = 60,
    rate: Rate = 50,
    warm_up: WarmUp = 120,
    every: Annotated[float, typer.Option(min=1, help="Seconds from one look to the next.")] = 30,
    save: Annotated[bool, typer.Option("--save", help="Write the curves into docs/endurance.md.")] = False,
) -> None:
    """An hour at half load: whether memory, open files, emptied tables and dead rows stay flat. Exits 1 if not."""
    require_disk(rate * (warm_up + 60 * minutes))
    endured = enduring.run(rate, warm_up, minutes, every, SETTINGS | PRE_TOUCHED, say)
    curves = endured.curves
    tables = [
        report.goals_table(goals.of_endurance(endured)),
        report.curves_table(curves, f"{len(endured.looks)} looks in {minutes:g} minutes"),
        report.growing_table(endured.grown),
        report.stages_table([endured.stage]),
        report.limits_table([endured.stage]),
    ]
    found = {"payments": f"{endured.stage.payments:,}", "times that autovacuum came to a table": f"{endured.vacuums:,}"}
    show("endurance", tables, {**endured.described, **found}, save=save)
    say(RULE)
    finish([*endured.wrong, *(f"{curve.name}: not flat" for curve in curves if not curve.flat)])
