"""How the Stripe simulator is started."""

import secrets
from typing import Annotated

import typer

from malipo_simulators.kit.options import Host, Port, PublicUrl, Seed, WebhookRetries, WebhookTimeout, read_pauses
from malipo_simulators.kit.server import serve_app
from malipo_simulators.stripe.app import create_stripe_app
from malipo_simulators.stripe.settings import StripeSettings

PORT = 12111
"""Where it listens unless told otherwise: no other simulator's."""


def run(
    *,
    host: Host = "127.0.0.1",
    port: Port = PORT,
    seed: Seed = None,
    public_url: PublicUrl = None,
    webhook_timeout_seconds: WebhookTimeout = 10,
    webhook_retry_seconds: WebhookRetries = None,
    settles_in: Annotated[
        str | None,
        typer.Option(
            envvar="SETTLES_IN", help="The currency that accounts are kept in, as in usd; else each payment's."
        ),
    ] = None,
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
        settles_in=settles_in and settles_in.lower(),
    )
    serve_app(create_stripe_app(settings), host=host, port=port, note=f"stripe simulator, seed {settings.seed}")
