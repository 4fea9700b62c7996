"""The operator's commands: have what was told of payments told again, for a service that lost it."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from malipo.messaging import command
from orchestrator import resending, rollcall, store
from orchestrator.settings import Settings

_resend = typer.Typer(help="Tell other services again what they lack.", no_args_is_help=True)


def add_commands(cli: typer.Typer) -> None:
    """Add the operator's commands to the service's."""
    cli.add_typer(_resend, name="tell-again")


@_resend.command("payment")
def payment(payment_id: Annotated[str, typer.Argument(help="The payment's id, pay_...")]) -> None:
    """Send every step and refusal of a payment again under the ids that they had; who has them drops them."""
    messages = command.run(Settings, lambda database: resending.resend(database, payment_id))
    if not messages:
        command.fail(f"no payment {payment_id} of the last {store.RESENDABLE_DAYS} days: nothing is told")
    typer.echo(f"{payment_id} is told again by a running orchestrator's relay: {messages} messages")


@_resend.command("since")
def since(moment: Annotated[datetime, typer.Argument(help="In UTC, e.g. 2026-11-21T09:30:00.")]) -> None:
    """Call over again every step that was told since then: each service asks for what it lacks, and gets only that."""
    if not command.run(Settings, lambda database: rollcall.rewind(database, moment.replace(tzinfo=UTC))):
        command.fail("the orchestrator has never run: there is nothing to tell")
    typer.echo(f"what was told since {moment.isoformat()} will be called over")
