"""The command line: `python -m webhook_dispatcher`."""

from malipo.platform.cli import run, service_cli
from webhook_dispatcher.settings import Settings

cli = service_cli("webhook-dispatcher", Settings)

if __name__ == "__main__":
    run(cli)
