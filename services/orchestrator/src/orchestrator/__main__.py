"""The command line: `python -m orchestrator`."""

from malipo.platform.cli import run, service_cli
from orchestrator import console
from orchestrator.settings import Settings

cli = service_cli("orchestrator", Settings)
console.add_commands(cli)

if __name__ == "__main__":
    run(cli)
