"""The command line: `deploy/try-compose`."""

import sys
from typing import Annotated

import typer

from compose.project import EngineFailed, Project, engine
from compose.trial import Trial, TrialFailed
from malipo_local.merchant import NeverHappened
from malipo_local.signals import stop_on_signals


def main(
    rate: Annotated[float, typer.Option(min=0.1, help="Payments a second while services are upgraded.")] = 5,
    seconds: Annotated[float, typer.Option(min=1, help="The longest that one command of Docker's may take.")] = 900,
) -> None:
    """Try docker-compose.yml on this machine's Docker engine: start, pay, scale, upgrade, lose the stores, and remove it all.

    The project, its images, ports and networks have names of their own: a system that runs here already is not touched.
    """
    stop_on_signals()
    if why := engine():
        sys.exit(f"This needs a Docker engine with compose: {why}.")
    try:
        Trial(Project(seconds), typer.echo, rate).run()
    except (EngineFailed, NeverHappened, TrialFailed) as failed:
        sys.exit(f"Failed: {failed}")
    typer.echo("All of it holds.")


if __name__ == "__main__":
    typer.run(main)
