"""What the benchmark of webhooks shows: tables for a person, and the one line of JSON."""

import json
import math
from collections.abc import Sequence

from rich.table import Table

from bench.cpu_table import cpu_table
from bench.webhooks.delivering import Delivering
from bench.webhooks.trial import Trial


def tables(trial: Trial) -> list[Table]:
    """All tables of a run."""
    return [stages_table(trial.stages), cpu_table("delivery", [(stage.name, stage.cpu) for stage in trial.stages])]


def stages_table(stages: Sequence[Delivering]) -> Table:
    """Rates, latencies and losses of the healthy endpoints: one row a stage."""
    columns = ("events", "per second", "per core", "with stores", "told p50, ms", "p99", "longest, s", "lost",
               "sent again", "busy CPUs", "late p99, ms", "fixed loop, ms")  # fmt: skip
    drawn = Table("stage", *columns, title="Deliveries to healthy endpoints")
    for stage in stages:
        rates = (f"{stage.delivered / stage.seconds:.0f}", *map(_known, (stage.per_core, stage.per_core_with_stores)))
        times = (*(f"{value:.0f}" for value in stage.told), f"{stage.longest_seconds:.1f}")
        ends = (str(stage.lost), str(stage.repeated), f"{stage.processors:.2f}", f"{stage.late_p99:.0f}")
        drawn.add_row(stage.name, f"{stage.events:,}", *rates, *times, *ends, f"{stage.loop_ms:.1f}")
    return drawn


def line(trial: Trial, seconds: float) -> str:
    """The one line of JSON."""
    answer = {
        "deliveries_per_second": round(trial.alone.delivered / trial.alone.seconds, 1),
        "deliveries_per_second_per_core": round(trial.alone.per_core),
        "told_p50_ms": round(trial.alone.told[0], 1),
        "told_p99_ms": round(trial.alone.told[1], 1),
        "told_p99_ms_beside_bad_endpoints": round(trial.beside.told[1], 1),
        "ratio": round(trial.ratio, 2),
        "sent_again_after_kill": trial.killed.repeated,
        "longest_seconds_after_kill": round(trial.killed.longest_seconds, 1),
        "lost": sum(stage.lost for stage in trial.stages),
        "seconds": round(seconds),
    }
    return json.dumps(answer)


def _known(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.0f}"
