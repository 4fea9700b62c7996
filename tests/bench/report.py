"""What the benchmarks show: tables for a person, and the one line of JSON."""

import json
from collections.abc import Callable, Mapping, Sequence

from rich.console import Console
from rich.table import Table

from bench import compare
from bench.compare import Compared
from bench.cpu import by_process
from bench.figures import percentile
from bench.fullness import Held
from bench.goals import Goal
from bench.growth import Grown
from bench.hops import KINDS, Hop, Hops
from bench.idle import Idle
from bench.rolling import Phase
from bench.sizes import Kept
from bench.stage import Stage
from bench.steadiness import Curve
from bench.system import SERVICES, STORES
from bench.tables import Size
from bench.whole import Run
from malipo_local.services import Kind, names

OTHERS = (*names(Kind.SIMULATOR), "generator")


def stages_table(stages: Sequence[Stage]) -> Table:
    """Rates, latencies and errors: one row a stage."""
    columns = (
        "stage",
        "sent /s",
        "notified /s",
        "create p50",
        "p99",
        "added p50",
        "p99",
        "webhook p50",
        "p99",
        "provider",
    )
    drawn = Table(*columns, "backlog", "errors", title="Stages (milliseconds)")
    for stage in stages:
        spreads = [f"{value:.0f}" for spread in (stage.create, stage.added, stage.webhook) for value in spread]
        errors = ", ".join(f"{count} x {kind}" for kind, count in stage.errors.items()) or "none"
        rates = (f"{stage.rate:.0f}", f"{stage.per_second:.1f}")
        drawn.add_row(stage.name, *rates, *spreads, f"{stage.provider_ms:.1f}", f"{stage.backlog:+.0f}", errors)
    return drawn


def limits_table(stages: Sequence[Stage]) -> Table:
    """What would saturate first, and how fast the machine was: one row a stage."""
    columns = (
        "sent /s",
        "fullest",
        "share",
        "busy CPUs",
        "generator, CPU ms a payment",
        "fixed loop, ms",
        "late p99, ms",
    )
    drawn = Table("stage", *columns, title="What is fullest, and the machine's speed")
    for stage in stages:
        name, share = stage.fullest
        gauges = (_milliseconds(by_process(stage.cpu).get("generator")), f"{stage.loop_ms:.1f}")
        full = (name, f"{share:.0%}", f"{stage.processors:.2f}")
        drawn.add_row(stage.name, f"{stage.rate:.0f}", *full, *gauges, f"{stage.late_p99:.0f}")
    return drawn


def cpu_table(stages: Sequence[Stage], services: Sequence[str]) -> Table:
    """Processor time of one payment: one column a stage, one row a process, PostgreSQL by database beneath it."""
    drawn = Table("CPU ms a payment", *(f"{stage.name} {stage.rate:.0f}/s" for stage in stages))
    totals = [by_process(stage.cpu) for stage in stages]
    for name in (*services, *STORES, *OTHERS):
        drawn.add_row(name, *(_milliseconds(total.get(name)) for total in totals))
        for part in sorted({part for stage in stages for part in stage.cpu if part.startswith(f"{name}/")}):
            drawn.add_row(f"  {part}", *(_milliseconds(stage.cpu.get(part)) for stage in stages), style="dim")
    drawn.add_section()
    drawn.add_row("the services", *(_milliseconds(stage.cpu_of(services)) for stage in stages), style="bold")
    drawn.add_row("services and stores", *(_milliseconds(stage.cpu_of((*services, *STORES))) for stage in stages))
    drawn.add_row("everything", *(_milliseconds(sum(total.values())) for total in totals))
    return drawn


def work_table(stage: Stage) -> Table:
    """Messages, transactions, rows and memory."""
    drawn = Table("of one payment", "", title=f"{stage.name}: {stage.payments} payments")
    for title, counts in (
        ("messages", stage.work.messages),
        ("transactions", stage.work.transactions),
        ("rows written", stage.work.rows),
    ):
        drawn.add_row(title, f"{sum(counts.values()) / stage.payments:.2f}", style="bold")
        for name, count in counts.items():
            drawn.add_row(f"  {name}", f"{count / stage.payments:.2f}", style="dim")
    drawn.add_row("peak memory, MB", f"{sum(stage.peak_mb.values()):.0f}", style="bold")
    for name, megabytes in sorted(stage.peak_mb.items()):
        drawn.add_row(f"  {name}", f"{megabytes:.0f}", style="dim")
    return drawn


def growth_table(grown: Sequence[Grown], services: Sequence[str]) -> Table:
    """What a payment and a list cost with few and with many payments."""
    drawn = Table("with so many payments", *(f"{one.payments:,}" for one in grown), "times")
    figures = {"services, CPU ms a payment": [one.stage.cpu_of(services) for one in grown]}
    figures |= {"PostgreSQL, CPU ms a payment": [one.stage.cpu_of(("postgres",)) for one in grown]}
    figures |= {f"list {name}, p95 ms": [one.list_p95[name] for one in grown] for name in grown[0].list_p95}
    for name, values in figures.items():
        drawn.add_row(name, *(f"{value:.2f}" for value in values), f"{values[-1] / values[0]:.2f}")
    return drawn


def comparison_table(compared: Compared) -> Table:
    """Medians of both commits and their ratio: one row a figure."""
    drawn = Table("median of all rounds", compared.old.name, compared.new.name, "times")
    figures: dict[str, Callable[[Stage], float]] = {
        "CPU ms a payment: the services": compare.services,
        "services and stores": compare.services_and_stores,
        **{f"  {name}": _cpu_of(name) for name in (*SERVICES, *STORES)},
        "create p50, ms": lambda stage: stage.create[0],
        "create p99, ms": compare.create_p99,
        "added p50, ms": lambda stage: stage.added[0],
        "added p99, ms": lambda stage: stage.added[1],
        "webhook p50, ms": lambda stage: stage.webhook[0],
        "webhook p99, ms": lambda stage: stage.webhook[1],
        "gauge: generator, CPU ms a payment": _cpu_of("generator"),
        "gauge: fixed loop, ms": lambda stage: stage.loop_ms,
    }
    for name, figure in figures.items():
        medians = (f"{side.median(figure):.2f}" for side in (compared.old, compared.new))
        drawn.add_row(name, *medians, f"{compared.ratio(figure):.2f}" if compared.old.median(figure) else "")
    return drawn


def _cpu_of(process: str) -> Callable[[Stage], float]:
    return lambda stage: stage.cpu_of([process])


def hops_table(hops: Hops) -> Table:
    """What each hop takes: the means add up to the whole's."""
    drawn = Table("hop", "mean, ms", "share", "p50", "p99", title=f"{hops.payments} payments, hop by hop")
    for hop in hops.hops.values():
        drawn.add_row(hop.what, *_of_hop(hop, hops.whole.mean))
    drawn.add_section()
    drawn.add_row(hops.whole.what, *_of_hop(hops.whole, hops.whole.mean), style="bold")
    return drawn


def kinds_table(hops: Hops) -> Table:
    """The hops by what they are: how many of each kind there are, and what one of it takes."""
    drawn = Table("kind of hop", "how many", "one, mean ms", "all of them", "share")
    for kind, moments in KINDS.items():
        mean = hops.mean_of(kind)
        drawn.add_row(
            kind, str(len(moments)), f"{mean / len(moments):.1f}", f"{mean:.1f}", f"{mean / hops.whole.mean:.0%}"
        )
    drawn.add_section()
    count = len(hops.hops)
    drawn.add_row("the whole", str(count), f"{hops.whole.mean / count:.1f}", f"{hops.whole.mean:.1f}", "100%")
    return drawn


def _of_hop(hop: Hop, whole: float) -> list[str]:
    return [f"{hop.mean:.1f}", f"{hop.mean / whole:.0%}", f"{hop.p50:.1f}", f"{hop.p99:.1f}"]


def held_table(stages: Sequence[Stage]) -> Table:
    """What was held of that of which there is only so much, on average and at most: the fullest first."""
    drawn = Table("held", *(f"{stage.name}: {what}" for stage in stages for what in ("mean", "most")), "of")
    names = {name for stage in stages for name in stage.held}
    for name in sorted(names, key=lambda name: -max(stage.held[name].share for stage in stages if name in stage.held)):
        held = [stage.held.get(name) for stage in stages]
        cells = [cell for one in held for cell in (_of_held(one) if one else ("", ""))]
        drawn.add_row(name, *cells, f"{next(one.of for one in held if one):g}")
    return drawn


def _of_held(held: Held) -> tuple[str, str]:
    return f"{held.mean:.2f}", f"{held.most:g}"


def sizes_table(kept: Kept) -> Table:
    """Rows and bytes of one payment: one row a table, those of a service together, the largest first."""
    title = f"{kept.payments:,} payments by {kept.method}: {kept.bytes_a_payment:,.0f} bytes each"
    drawn = Table("of one payment", "rows", "heap, bytes", "indexes", "beside (TOAST)", "all", title=title)
    by_service: dict[str, dict[str, Size]] = {}
    for (service, table), size in kept.sizes.items():
        by_service.setdefault(service, {})[table] = size
    for service, sizes in by_service.items():
        drawn.add_row(service, "", *_bytes_each([*sizes.values()], kept.payments), style="bold")
        for table, size in sorted(sizes.items(), key=lambda one: -one[1].total):
            rows = f"{size.rows / kept.payments:.2f}"
            drawn.add_row(f"  {table}", rows, *_bytes_each([size], kept.payments), style="dim")
    drawn.add_section()
    drawn.add_row("everything", "", *_bytes_each([*kept.sizes.values()], kept.payments), style="bold")
    return drawn


def _bytes_each(sizes: Sequence[Size], payments: int) -> list[str]:
    sums = (sum(getattr(size, part) for size in sizes) for part in ("heap", "indexes", "beside", "total"))
    return [f"{total / payments:,.0f}" for total in sums]


def curves_table(curves: Sequence[Curve], title: str) -> Table:
    """How each figure went over time, and whether it stayed flat."""
    drawn = Table(
        "figure", "over time", "first", "last", "least", "most", "rise in the second half", "flat", title=title
    )
    for curve in curves:
        figures = (curve.values[0], curve.values[-1], min(curve.values), max(curve.values), curve.rise)
        drawn.add_row(curve.name, curve.drawn(), *(f"{value:,.1f}" for value in figures), "yes" if curve.flat else "no")
    return drawn


def growing_table(curves: Sequence[Curve]) -> Table:
    """How what grows with every payment grew."""
    drawn = Table("grows with payments", "over time", "first", "last")
    for curve in curves:
        drawn.add_row(curve.name, curve.drawn(), f"{curve.values[0]:,.1f}", f"{curve.values[-1]:,.1f}")
    return drawn


def idle_table(idle: Idle) -> Table:
    """Processor time of a second in which nothing happens: one row a part."""
    drawn = Table("idle", "CPU ms a second", title=f"fixed loop {idle.loop_ms:.1f} ms")
    total = by_process(idle.cpu)
    for name in (*SERVICES, *STORES, *names(Kind.SIMULATOR)):
        drawn.add_row(name, _milliseconds(total.get(name)))
        for part in sorted(part for part in idle.cpu if part.startswith(f"{name}/")):
            drawn.add_row(f"  {part}", _milliseconds(idle.cpu[part]), style="dim")
    drawn.add_section()
    for title, parts in (("the services", SERVICES), ("services and stores", (*SERVICES, *STORES))):
        drawn.add_row(title, _milliseconds(sum(total.get(part, 0.0) for part in parts)))
    drawn.add_row("everything", _milliseconds(sum(total.values())), style="bold")
    return drawn


def rolling_table(phases: Sequence[Phase]) -> Table:
    """What payments met while a service was restarted: one row a restart."""
    columns = ("restart", "seconds", "payments", "create p50", "p99", "longest", "told p50", "p99", "longest", "errors")
    drawn = Table(*columns, title="Payments that were due meanwhile (milliseconds)")
    for phase in phases:
        times = [
            f"{1000 * value:.0f}"
            for values in (phase.create, phase.told)
            for value in (percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1))
        ]
        errors = ", ".join(f"{count} x {kind}" for kind, count in phase.errors.items()) or "none"
        drawn.add_row(phase.name, f"{phase.restart_seconds:.1f}", str(phase.payments), *times, errors)
    return drawn


def goals_table(goals: Sequence[Goal]) -> Table:
    """What was to be reached, and what was."""
    drawn = Table("goal", "wanted", "measured", "reached")
    for goal in goals:
        drawn.add_row(goal.name, goal.wanted, f"{goal.measured:.2f}", "yes" if goal.reached else "no")
    return drawn


def run_tables(run: Run) -> list[Table]:
    """All tables of a run: the stages, a payment's processor time and its price, a payment's work."""
    extra = [] if run.compared is run.found.highest else [run.compared]
    all_stages = [*run.found.tried, *extra, run.bare, *([run.bare_highest] if run.bare_highest else [])]
    return [
        stages_table(all_stages),
        limits_table(all_stages),
        cpu_table(run.judged, SERVICES),
        price_table(run),
        work_table(run.found.highest),
        work_table(run.bare),
    ]


def price_table(run: Run) -> Table:
    """The price of the promise."""
    drawn = Table(f"price of the promise, at {run.compared.rate:.0f}/s", "times the bare path's")
    drawn.add_row("CPU of a payment in the services", f"{run.ratio:.2f}")
    drawn.add_row("CPU of a payment in services and stores", f"{run.ratio_with_stores:.2f}")
    if run.bare_highest:
        drawn.add_row("highest rate", f"{run.rate_ratio:.2f}")
    return drawn


def memory_table(idle: Mapping[str, float], loaded: Mapping[str, float], payments: int) -> Table:
    """Two readings of resident memory side by side, in MB."""
    drawn = Table("resident memory, MB", "idle", f"after {payments:,} payments")
    for name in sorted(idle):
        drawn.add_row(name, f"{idle[name]:.0f}", f"{loaded.get(name, 0):.0f}")
    drawn.add_row("all", f"{sum(idle.values()):.0f}", f"{sum(loaded.values()):.0f}", style="bold")
    return drawn


def profile_table(service: str, hottest: Sequence[tuple[str, float, float]]) -> Table:
    """Functions by the samples that were taken in them."""
    drawn = Table("function", "alone", "with what it calls", title=service)
    for name, own, below in hottest:
        drawn.add_row(name, f"{own:.1%}", f"{below:.1%}")
    return drawn


def line(run: Run, seconds: float) -> str:
    """The one line of JSON. Latencies that are added are those at half the highest rate, the others at the highest."""
    highest, half = run.found.highest, run.found.half
    answer = {
        "payments_per_second": round(highest.per_second, 1),
        "holds": highest.holds,
        "create_p50_ms": round(highest.create[0], 1),
        "create_p99_ms": round(highest.create[1], 1),
        "added_p50_ms": round(half.added[0], 1),
        "added_p99_ms": round(half.added[1], 1),
        "webhook_p50_ms": round(half.webhook[0], 1),
        "webhook_p99_ms": round(half.webhook[1], 1),
        "cpu_ms_per_payment": _rounded(by_process(highest.cpu)),
        "cpu_ms_per_payment_at_half": _rounded(by_process(half.cpu)),
        "bare_path_cpu_ms_per_payment": _rounded(run.bare.cpu),
        "compared_at_payments_per_second": round(run.compared.rate, 1),
        "cpu_ratio_to_bare_path": round(run.ratio, 2),
        "cpu_ratio_with_stores": round(run.ratio_with_stores, 2),
        "bare_path_payments_per_second": run.bare_highest and round(run.bare_highest.per_second, 1),
        "peak_mb": round(sum(highest.peak_mb.values())),
        "errors": sum(sum(stage.errors.values()) for stage in run.judged),
        "books_agree": not run.wrong,
        "fullest_at_the_highest": highest.fullest[0],
        "generator_cpu_ms_per_payment": round(by_process(highest.cpu).get("generator", 0.0), 3),
        "fixed_loop_ms": round(highest.loop_ms, 1),
        "seconds": round(seconds),
    }
    return json.dumps(answer)


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 2) for name, value in values.items()}


def show(console: Console, stages: Sequence[Stage], services: Sequence[str]) -> None:
    """All tables of some stages of one system."""
    console.print(stages_table(stages), limits_table(stages), cpu_table(stages, services))
    console.print(work_table(stages[-1]))


def _milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
