"""Parts of the benchmark that are run by a command of their own."""

from typing import Annotated

import typer

from bench import goals, report
from bench import idle as resting
from bench.shell import Save, finish, say, show

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
