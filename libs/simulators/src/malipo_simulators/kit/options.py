"""The options that the commands of all simulators have; of a provider's, see `SimulatorSettings`."""

from typing import Annotated

import typer

from malipo_simulators.kit.settings import default_retry_seconds

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(help="Port to listen on; 0 lets the system choose, and the choice is printed.")]
Seed = Annotated[
    str | None,
    typer.Option(envvar="SEED", help="Seed of every id and every chance. Left out: a fresh one, printed at start."),
]
PublicUrl = Annotated[
    str | None, typer.Option(help="Base of pages for customers, when browsers reach us under another name.")
]
WebhookTimeout = Annotated[float, typer.Option(help="How long a webhook receiver may take.")]
WebhookRetries = Annotated[
    str | None,
    typer.Option(envvar="WEBHOOK_RETRY_SECONDS", help="Pauses between tries of a webhook, as in 0.2,1,3."),
]


def read_pauses(text: str | None) -> tuple[float, ...]:
    """The pauses in seconds; left out, those of every simulator."""
    return tuple(map(float, text.split(","))) if text else default_retry_seconds()
