"""The command line: `python -m orchestrator`."""

from malipo.platform.cli import is_for_operators, run, service_cli
from orchestrator.settings import Settings

cli = service_cli("orchestrator", Settings)
if is_for_operators():
    from orchestrator import console

    console.add_commands(cli)

if __name__ == "__main__":
    run(cli)
