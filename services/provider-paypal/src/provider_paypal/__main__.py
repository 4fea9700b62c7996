"""The command line: `python -m provider_paypal`."""

from malipo.platform.cli import is_for_operators, run, service_cli
from provider_paypal.settings import Settings

cli = service_cli("provider-paypal", Settings)
if is_for_operators():
    from provider_kit import console

    console.add_commands(cli, Settings)

if __name__ == "__main__":
    run(cli)
