"""What the system is meant to reach, beside what it reached."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench import compare
from bench.callbacks.trial import Trial
from bench.compare import Compared
from bench.endurance import Endured
from bench.growth import Grown
from bench.idle import GOAL_CORES, Idle
from bench.rolling import GOAL_SECONDS, Rolled
from bench.stage import Stage
from bench.system import SERVICES
from bench.webhooks.trial import Trial as WebhookTrial
from bench.whole import Run


@dataclass(frozen=True)
class Goal:
    """One goal; `reached` says whether `measured` is on the right side of `wanted`."""

    name: str
    wanted: str
    measured: float
    reached: bool


def of_run(run: Run) -> list[Goal]:
    """Rate, latency, and the price of the promise."""
    highest, half = run.found.highest, run.found.half
    return [
        _at_least(
            "payments a second, all-in, create p99 within 100 ms", 300, highest.per_second if highest.holds else 0
        ),
        *([_at_least("highest rate, times the bare path's own", 0.5, run.rate_ratio)] if run.bare_highest else []),
        _at_most("CPU of services and stores, times that of the bare path", 1.6, run.ratio_with_stores),
        _at_most("added latency at half load, p50 ms", 15, half.added[0]),
        _at_most("added latency at half load, p99 ms", 60, half.added[1]),
    ]


def of_growth(grown: Sequence[Grown]) -> list[Goal]:
    """What a payment costs with very many payments, times what it costs with few."""
    few, many = grown[0], grown[-1]
    processes = (*SERVICES, "postgres")
    times = many.stage.cpu_of(processes) / few.stage.cpu_of(processes)
    lists = max(many.list_p95[name] / few.list_p95[name] for name in few.list_p95)
    return [
        _at_most(f"CPU a payment with {many.payments:,} payments, times that with {few.payments:,}", 1.1, times),
        _at_most("p95 of the list that suffers most, likewise", 1.1, lists),
    ]


def of_replicas(measured: Sequence[Stage]) -> list[Goal]:
    """What a payment costs on the most replicas, times what it costs on one."""
    times = measured[-1].cpu_of(SERVICES) / measured[0].cpu_of(SERVICES)
    return [_at_most(f"CPU a payment with {measured[-1].name}, times that with one", 1.1, times)]


def of_callbacks(trial: Trial) -> list[Goal]:
    """That nothing is lost, whatever happens, and that heavy work beside does not show."""
    lost = sum(stage.lost + stage.untold for stage in trial.stages)
    return [
        _at_most("callbacks lost or not told, of all stages", 0, lost),
        _at_most("p99 of a callback's answer alone, ms", 100, trial.alone.answered[1]),
        _at_most("p99 beside erp-sink and its dead ERP, times that alone", 1.5, trial.ratio),
    ]


def of_webhooks(trial: WebhookTrial) -> list[Goal]:
    """That none is lost, and that bad endpoints delay no other."""
    return [
        _at_most("events of healthy endpoints lost, of all stages", 0, sum(stage.lost for stage in trial.stages)),
        _at_most(
            "healthy endpoints' p99 beside one that hangs and one that refuses, times that alone", 1.5, trial.ratio
        ),
    ]


def of_rolling(rolled: Rolled) -> list[Goal]:
    """That a deploy fails nothing and holds up nobody for long."""
    return [
        _at_most("requests and payments that went wrong", 0, rolled.failed + len(rolled.wrong)),
        _at_most("the most that a restart has added until a merchant was told, s", GOAL_SECONDS, rolled.added),
    ]


def of_comparison(compared: Compared) -> list[Goal]:
    """That a payment became cheaper, and its answer faster."""
    cpu, p99 = compared.ratio(compare.services_and_stores), compared.ratio(compare.create_p99)
    return [
        _at_most("CPU a payment, services and stores, times the older commit's", compare.GOAL, cpu),
        _at_most("create p99, times the older commit's", compare.GOAL, p99),
    ]


def of_endurance(endured: Endured) -> list[Goal]:
    """That nothing grows that has no reason to."""
    return [_at_most("curves that are not flat", 0, sum(not curve.flat for curve in endured.curves))]


def of_idle(idle: Idle) -> list[Goal]:
    """That what has nothing to do takes nothing."""
    return [_at_most("CPU of an idle stack, everything together, ms a second", 1000 * GOAL_CORES, 1000 * idle.cores)]


def _at_least(name: str, wanted: float, measured: float) -> Goal:
    return Goal(name, f"at least {wanted:g}", measured, measured >= wanted)


def _at_most(name: str, wanted: float, measured: float) -> Goal:
    return Goal(name, f"at most {wanted:g}", measured, measured <= wanted)
