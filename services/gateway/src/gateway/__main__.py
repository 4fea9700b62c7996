"""The command line: `python -m gateway`."""

from gateway.settings import Settings
from malipo.platform.cli import is_for_operators, run, service_cli

cli = service_cli("gateway", Settings)
if is_for_operators():
    from gateway import console

    console.add_commands(cli)

if __name__ == "__main__":
    run(cli)
