"""What the benchmark of callbacks shows: a table for a person, and the one line of JSON."""

import json
from collections.abc import Sequence

from rich.table import Table

from bench.callbacks.reception import Reception
from bench.callbacks.trial import Trial
from bench.cpu_table import cpu_table


def tables(trial: Trial) -> list[Table]:
    """All tables of a run."""
    used = cpu_table("callback", [(stage.name, stage.cpu) for stage in trial.stages])
    return [stages_table(trial.provider, trial.stages), used, heavy_table(trial)]


def stages_table(provider: str, stages: Sequence[Reception]) -> Table:
    """Rates, latencies, refusals and losses: one row a stage."""
    columns = ("callbacks", "per second", "answered p50, ms", "p99", "refused tries", "sent again", "taken twice",
               "longest, s", "lost", "not told", "busy CPUs", "late p99, ms")  # fmt: skip
    drawn = Table("stage", *columns, title=f"Callbacks of provider-{provider}")
    for stage in stages:
        answered = (f"{value:.1f}" for value in stage.answered)
        again = (f"{stage.sent_again:,}", str(stage.repeated), f"{stage.longest_seconds:.1f}")
        ends = (str(stage.lost), str(stage.untold), f"{stage.processors:.2f}", f"{stage.late_p99:.0f}")
        drawn.add_row(stage.name, f"{stage.callbacks:,}", f"{stage.rate:.0f}", *answered, stage.refusals, *again, *ends)
    return drawn


def heavy_table(trial: Trial) -> Table:
    """What heavy work beside does to the receiver."""
    drawn = Table("heavy work beside", "")
    drawn.add_row("p99 beside it, times that alone", f"{trial.ratio:.2f}")
    drawn.add_row("documents that wait for the ERP in the end", f"{trial.documents:,}")
    return drawn


def line(trial: Trial, seconds: float) -> str:
    """The one line of JSON."""
    alone, killed = trial.alone, trial.killed
    answer = {
        "provider": trial.provider,
        "callbacks_per_second": alone.rate,
        "answered_p50_ms": round(alone.answered[0], 1),
        "answered_p99_ms": round(alone.answered[1], 1),
        "answered_p99_ms_beside_a_dead_erp": round(trial.beside.answered[1], 1),
        "ratio": round(trial.ratio, 2),
        "refused_while_postgres_was_killed": killed.refused,
        "sent_again": killed.sent_again,
        "longest_seconds": round(killed.longest_seconds, 1),
        "lost": sum(stage.lost for stage in trial.stages),
        "not_told": sum(stage.untold for stage in trial.stages),
        "seconds": round(seconds),
    }
    return json.dumps(answer)
