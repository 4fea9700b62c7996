"""The command line: one command per simulator."""

import secrets
from typing import Annotated

import typer

from malipo_simulators.kit.server import serve_app
from malipo_simulators.kit.settings import default_retry_seconds
from malipo_simulators.merchant.app import create_merchant_app
from malipo_simulators.stripe.app import create_stripe_app
from malipo_simulators.stripe.settings import StripeSettings

cli = typer.Typer(
    help="Stand-ins for payment systems, with scripted faults. State lives in memory and ends with the process.",
    no_args_is_help=True,
    add_completion=False,
)

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(help="Port to listen on; 0 lets the system choose, and the choice is printed.")]

# The options of every simulator of a provider; see SimulatorSettings.
Seed = Annotated[
    str | None,
    typer.Option(envvar="SEED", help="Seed of every id and every chance. Left out: a fresh one, printed at start."),
]
WebhookTimeout = Annotated[float, typer.Option(help="How long a webhook receiver may take.")]
WebhookRetries = Annotated[
    str | None,
    typer.Option(envvar="WEBHOOK_RETRY_SECONDS", help="Pauses between tries of a webhook, as in 0.2,1,3."),
]


@cli.command("stripe")
def run_stripe(
    *,
    host: Host = "127.0.0.1",
    port: Port = 12111,
    seed: Seed = None,
    public_url: Annotated[
        str | None, typer.Option(help="Base of the 3DS page when browsers reach us under another name.")
    ] = None,
    webhook_timeout_seconds: WebhookTimeout = 10,
    webhook_retry_seconds: WebhookRetries = None,
) -> None:
    """Stand-in for api.stripe.com: point an SDK's base URL at it and use any sk_test_ key.

    Control routes start with /_sim and are described at /docs on the same port:
    the book of what really happened to money (/_sim/book), requests received (/_sim/requests),
    scripted faults (/_sim/faults), 3DS decisions, the clock, reset. One request can carry its own
    fault in the header X-Sim-Fault.
    """
    settings = StripeSettings(
        seed=seed or secrets.token_hex(8),
        public_url=public_url,
        webhook_timeout_seconds=webhook_timeout_seconds,
        webhook_retry_seconds=read_pauses(webhook_retry_seconds),
    )
    serve_app(create_stripe_app(settings), host=host, port=port, note=f"stripe simulator, seed {settings.seed}")


@cli.command("merchant")
def run_merchant(host: Host = "127.0.0.1", port: Port = 12112) -> None:
    """A merchant that receives webhooks at /hooks/{name}, verifies Standard Webhooks signatures, remembers everything.

    Set a receiver's secret with PUT /_sim/receivers/{name}; make it fail, hang, redirect or slow down with
    PUT /_sim/receivers/{name}/behaviour; read what came with GET /_sim/received. All of it is described at /docs.
    """
    serve_app(create_merchant_app(), host=host, port=port, note="merchant simulator")


def read_pauses(text: str | None) -> tuple[float, ...]:
    return tuple(map(float, text.split(","))) if text else default_retry_seconds()
