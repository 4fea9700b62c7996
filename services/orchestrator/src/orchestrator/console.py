"""The operator's commands: resend what a service lost, decide what no report ends, assign money in suspense."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

import typer

from malipo.messaging import operator_command
from malipo.messaging.database import Database
from orchestrator import decisions, resending, rollcall, store
from orchestrator.decisions import Ending, Impossible
from orchestrator.settings import Settings

_MOST_CHARS = 200


def _words(text: str) -> str:
    """A text of a line that says something."""
    if not text.strip() or not text.isprintable() or len(text) > _MOST_CHARS:
        msg = f"must be a line of at most {_MOST_CHARS} characters"
        raise typer.BadParameter(msg)
    return text.strip()


_resend = typer.Typer(help="Resend to other services what they lack.", no_args_is_help=True)
_suspense = typer.Typer(help="Money that no payment explains.", no_args_is_help=True)

_Because = Annotated[str, typer.Option("--because", help="Why, as the merchant will read it.", callback=_words)]
_By = Annotated[str, typer.Option("--by", help="Your name: kept in the history.", callback=_words)]


def add_commands(cli: typer.Typer) -> None:
    """Add the operator's commands to the service's."""
    cli.add_typer(_resend, name="resend")
    cli.command("decide")(decide)
    cli.add_typer(_suspense, name="suspense")


def decide(
    subject_id: Annotated[
        str, typer.Argument(metavar="ID", help="The payment's id, or a capture's, cancel's or refund's.")
    ],
    ending: Annotated[Ending, typer.Option("--as", help="How it ended at the provider.")],
    because: _Because,
    by: _By,
) -> None:
    """Decide how something ended that no report ends, or that ended otherwise than the provider's book has it.

    Look into the provider's book first: nothing asks the provider any more afterwards.
    """
    work = partial(decisions.decide, subject_id=subject_id, ending=ending, because=because, by=by)
    typer.echo(f"{subject_id} is {_done(work)}")


@_suspense.command("list")
def suspense_list() -> None:
    """List the money that is not assigned, the oldest first."""
    for one in operator_command.run(Settings, decisions.unassigned):
        where = f"{one.provider}/{one.account} {one.reference}"
        typer.echo(
            f"{one.id}  {one.merchant_id} {one.mode}  {one.amount}  {where}  {one.received_at}  {one.description}"
        )


@_suspense.command("assign")
def suspense_assign(
    suspense_id: Annotated[str, typer.Argument(metavar="SUS", help="Its id, sus_...")],
    payment_id: Annotated[str, typer.Option("--to", help="The payment's id, pay_...")],
    because: _Because,
    by: _By,
) -> None:
    """Assign money to the payment that it was meant for: same merchant, mode and amount."""
    work = partial(decisions.assign, suspense_id=suspense_id, payment_id=payment_id, because=because, by=by)
    typer.echo(f"{suspense_id} is assigned, and {payment_id} is {_done(work)}")


def _done(work: Callable[[Database], Awaitable[str]]) -> str:
    try:
        return operator_command.run(Settings, work)
    except Impossible as impossible:
        operator_command.fail(str(impossible))


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
