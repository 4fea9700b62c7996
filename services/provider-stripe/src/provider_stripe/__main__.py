"""The command line: `python -m provider_stripe`."""

from malipo.platform.cli import service_cli
from provider_stripe.settings import Settings

cli = service_cli("provider-stripe", Settings)

if __name__ == "__main__":
    cli()
