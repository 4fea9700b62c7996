"""The command line: `python -m provider_bank`."""

from malipo.platform.cli import is_for_operators, run, service_cli
from provider_bank.settings import Settings

cli = service_cli("provider-bank", Settings)
if is_for_operators():
    from provider_kit import console

    console.add_commands(cli, Settings)

if __name__ == "__main__":
    run(cli)
