"""The operator's commands: resend what a service lost, decide what no report ends, settle money in suspense."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

import typer

from malipo.messaging import operator_command
from malipo.messaging.database import Database
from orchestrator import decisions, resending, rollcall
from orchestrator.decisions import Ending, Impossible
from orchestrator.settings import Settings
from orchestrator.tables import RESENDABLE_DAYS

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
_By = Annotated[str, typer.Option("--by", help="Your name, which is kept.", callback=_words)]


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
    against_report: Annotated[
        bool,
        typer.Option(
            "--against-report", help="As failed, though the provider has reported the money: its book has none."
        ),
    ] = False,
) -> None:
    """Decide how something ended that no report ends, or that ended otherwise than the provider's book has it.

    Look into the provider's book first: nothing asks the provider any more afterwards, unless a refund needs the charge's name.
    """
    work = partial(
        decisions.decide, subject_id=subject_id, ending=ending, because=because, by=by, against_report=against_report
    )
    typer.echo(f"{subject_id} is {_done(work)}")


@_suspense.command("list")
def suspense_list(
    after: Annotated[str, typer.Option("--after", metavar="SUS", help="The last id of the page before.")] = "",
) -> None:
    """List the money that is not settled, the oldest first: a page of it, with the payment that each names, if it names one."""
    found = operator_command.run(Settings, partial(decisions.in_suspense, after=after))
    for one in found:
        where = f"{one.provider}/{one.account} {one.reference}"
        names = f"  names {one.points_at}" if one.points_at else ""
        typer.echo(
            f"{one.id}  {one.merchant_id} {one.mode}  {one.amount}  {where}  {one.received_at}  {one.description}{names}"
        )
    if not found:
        typer.echo(f"nothing is in suspense{f' after {after}' if after else ''}", err=True)
    if len(found) == decisions.PAGE:
        typer.echo(f"there may be more: suspense list --after {found[-1].id}", err=True)


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


@_suspense.command("settle")
def suspense_settle(
    suspense_id: Annotated[str, typer.Argument(metavar="SUS", help="Its id, sus_...")],
    because: Annotated[
        str, typer.Option("--because", help="Where it went; the merchant does not read it.", callback=_words)
    ],
    by: _By,
) -> None:
    """Settle money without a payment: it was given back at the provider, or booked elsewhere."""
    _done(partial(decisions.settle, suspense_id=suspense_id, because=because, by=by))
    typer.echo(f"{suspense_id} is settled")


def _done[T](work: Callable[[Database], Awaitable[T]]) -> T:
    try:
        return operator_command.run(Settings, work)
    except Impossible as impossible:
        operator_command.fail(str(impossible))


@_resend.command("payment")
def payment(payment_id: Annotated[str, typer.Argument(help="The payment's id, pay_...")]) -> None:
    """Resend every transition and refusal of a payment under the ids that they had; a service that has them drops them."""
    messages = operator_command.run(Settings, lambda database: resending.resend(database, payment_id))
    if not messages:
        operator_command.fail(f"no payment {payment_id} of the last {RESENDABLE_DAYS} days: nothing is resent")
    typer.echo(f"{payment_id} is resent by a running orchestrator's relay: {messages} messages")


@_resend.command("since")
def since(moment: Annotated[datetime, typer.Argument(help="In UTC, e.g. 2026-11-21T09:30:00.")]) -> None:
    """Repeat the roll call of every transition published since then: each service requests what it lacks, and only that."""
    if not operator_command.run(Settings, lambda database: rollcall.rewind(database, moment.replace(tzinfo=UTC))):
        operator_command.fail("the orchestrator has never run: there is nothing to resend")
    typer.echo(f"the roll call of what was published since {moment.isoformat()} will be repeated")
