"""The command line: `python -m provider_mpesa`."""

from malipo.platform.cli import run, service_cli
from provider_kit import console
from provider_mpesa.settings import Settings

cli = service_cli("provider-mpesa", Settings)
console.add_commands(cli, Settings)


if __name__ == "__main__":
    run(cli)
