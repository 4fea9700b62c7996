"""The command line: `python -m provider_mpesa`."""

from malipo.platform.cli import is_for_operators, run, service_cli
from provider_mpesa.settings import Settings

cli = service_cli("provider-mpesa", Settings)
if is_for_operators():
    from provider_mpesa import console

    console.add_commands(cli)

if __name__ == "__main__":
    run(cli)
