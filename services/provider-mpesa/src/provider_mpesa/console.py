"""The operator's commands: what every provider service has, and the registration of an account at Safaricom."""

from typing import Annotated

import typer

from malipo.messaging import operator_command
from malipo.platform import settings
from malipo.platform.secrets import SecretUnreadable
from provider_kit import console
from provider_kit.credentials import NoCredentials
from provider_kit.errors import Misconfigured
from provider_mpesa.settings import Settings


def add_commands(cli: typer.Typer) -> None:
    """Add the operator's commands to the service's."""
    console.add_commands(cli, Settings)
    cli.command()(register)


def register(
    credential: Annotated[str, typer.Option(help="The id of the account's credentials: `cred_...`.")],
    *,
    again: Annotated[bool, typer.Option("--again", help="Also what is registered as far as Malipo knows.")] = False,
    ours: Annotated[
        bool, typer.Option("--ours", help="What M-Pesa says is registered already has Malipo's addresses.")
    ] = False,
) -> None:
    """Register an account at Safaricom: where payments by hand are asked about and confirmed, and Pull Transactions."""
    from provider_mpesa import main
    from provider_mpesa.registrar import Wish

    loaded, wish = settings.load(Settings), Wish(again=again, ours=ours)
    try:
        told = operator_command.run(Settings, lambda database: main.register(loaded, database, credential, wish))
    except NoCredentials:
        operator_command.fail(
            f"there are no credentials {credential} here: GET /v1/provider-credentials/mpesa shows them"
        )
    except SecretUnreadable:
        operator_command.fail("the credentials cannot be opened: KEY_RING lacks the key that they were sealed under")
    except Misconfigured as error:
        operator_command.fail(str(error))
    for one in told:
        typer.echo(f"{one.title}: {one.text}", err=not one.done)
    if not all(one.done for one in told):
        raise typer.Exit(1)
