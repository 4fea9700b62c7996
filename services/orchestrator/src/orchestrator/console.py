"""The operator's commands: have what was told of payments told again, for a service that lost it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated

import typer

from malipo.messaging.database import create_pool
from malipo.messaging.unit import Units
from malipo.platform import settings as platform_settings
from orchestrator import retelling, rollcall
from orchestrator.settings import Settings

_CONNECT_SECONDS = 10
_tell = typer.Typer(help="Tell other services again what they lack.", no_args_is_help=True)


def add_commands(cli: typer.Typer) -> None:
    """Add the operator's commands to the service's."""
    cli.add_typer(_tell, name="tell-again")


@_tell.command("payment")
def payment(payment_id: Annotated[str, typer.Argument(help="The payment's id, pay_...")]) -> None:
    """Send every step of a payment again under the ids that they had; who has them drops them."""
    _run(lambda units: retelling.tell(units, payment_id))
    typer.echo(f"{payment_id} is told again by a running orchestrator's relay")


@_tell.command("since")
def since(moment: Annotated[datetime, typer.Argument(help="In UTC, e.g. 2026-11-21T09:30:00.")]) -> None:
    """Call over again all that was told since then: each service asks for what it lacks, and gets only that."""
    if not _run(lambda units: rollcall.rewind(units, moment.replace(tzinfo=UTC))):
        typer.echo("the orchestrator has never run: there is nothing to tell", err=True)
        raise typer.Exit(1)
    typer.echo(f"what was told since {moment.isoformat()} will be called over")


def _run[T](work: Callable[[Units], Awaitable[T]]) -> T:
    async def connected() -> T:
        url = platform_settings.load(Settings).database_url.get_secret_value()
        async with asyncio.timeout(_CONNECT_SECONDS):
            pool = await create_pool(url, 2)
        units = Units(lambda: None)
        units.use(pool)
        try:
            return await work(units)
        finally:
            await pool.close()

    try:
        return asyncio.run(connected())
    except TimeoutError:
        typer.echo("the orchestrator's database does not answer: check DATABASE_URL", err=True)
        raise typer.Exit(1) from None
