"""The command line: `python -m provider_acme`."""

from malipo.platform.cli import run, service_cli
from provider_acme.settings import Settings
from provider_kit import console

cli = service_cli("provider-acme", Settings)
console.add_commands(cli, Settings)


if __name__ == "__main__":
    run(cli)
