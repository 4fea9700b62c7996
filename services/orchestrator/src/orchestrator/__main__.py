"""The command line: `python -m orchestrator`."""

from malipo.platform.cli import service_cli
from orchestrator.settings import Settings

cli = service_cli("orchestrator", Settings)

if __name__ == "__main__":
    cli()
