"""The command line: `python -m erp_sink migrate`, then `serve`."""

from erp_sink.settings import Settings
from malipo.platform.cli import run, service_cli

cli = service_cli("erp-sink", Settings)

if __name__ == "__main__":
    run(cli)
