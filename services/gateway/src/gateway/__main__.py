"""The command line: `python -m gateway`."""

from gateway import console
from gateway.settings import Settings
from malipo.platform.cli import run, service_cli

cli = service_cli("gateway", Settings)
console.add_commands(cli)

if __name__ == "__main__":
    run(cli)
