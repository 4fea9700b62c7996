"""The command line: `python -m provider_paypal`."""

from malipo.platform.cli import run, service_cli
from provider_kit import console
from provider_paypal.settings import Settings

cli = service_cli("provider-paypal", Settings)
console.add_commands(cli, Settings)


if __name__ == "__main__":
    run(cli)
