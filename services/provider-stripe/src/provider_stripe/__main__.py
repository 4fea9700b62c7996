"""The command line: `python -m provider_stripe`."""

import sys

from malipo.platform.cli import run, service_cli
from provider_kit import console
from provider_stripe.settings import Settings

cli = service_cli("provider-stripe", Settings)
console.add_commands(cli, Settings)


@cli.command()
def events() -> None:
    """List the events that a merchant's webhook endpoint at Stripe has to send."""
    from provider_stripe.events import EVENT_TYPES

    sys.stdout.write("\n".join((*EVENT_TYPES, "")))


if __name__ == "__main__":
    run(cli)
