"""The operator's commands: resend what was published about payments, for a service that lost it."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from malipo.messaging import operator_command
from orchestrator import resending, rollcall, store
from orchestrator.settings import Settings

_resend = typer.Typer(help="Resend to other services what they lack.", no_args_is_help=True)


def add_commands(cli: typer.Typer) -> None:
    """Add the operator's commands to the service's."""
    cli.add_typer(_resend, name="resend")


@_resend.command("payment")
def payment(payment_id: Annotated[str, typer.Argument(help="The payment's id, pay_...")]) -> None:
    """Resend every transition and refusal of a payment under the ids that they had; a service that has them drops them."""
    messages = operator_command.run(Settings, lambda database: resending.resend(database, payment_id))
    if not messages:
        operator_command.fail(f"no payment {payment_id} of the last {store.RESENDABLE_DAYS} days: nothing is resent")
    typer.echo(f"{payment_id} is resent by a running orchestrator's relay: {messages} messages")


@_resend.command("since")
def since(moment: Annotated[datetime, typer.Argument(help="In UTC, e.g. 2026-11-21T09:30:00.")]) -> None:
    """Repeat the roll call of every transition published since then: each service requests what it lacks, and only that."""
    if not operator_command.run(Settings, lambda database: rollcall.rewind(database, moment.replace(tzinfo=UTC))):
        operator_command.fail("the orchestrator has never run: there is nothing to resend")
    typer.echo(f"the roll call of what was published since {moment.isoformat()} will be repeated")
