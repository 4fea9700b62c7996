"""The command line: `python -m provider_stripe`."""

from malipo.platform.cli import run, service_cli
from provider_kit import console
from provider_stripe.settings import Settings

cli = service_cli("provider-stripe", Settings)
console.add_commands(cli, Settings)

if __name__ == "__main__":
    run(cli)
