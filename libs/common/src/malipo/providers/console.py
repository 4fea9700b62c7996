"""The operator's command of every provider service: what the provider told of that nobody ordered here."""

import asyncio
import json
from typing import Annotated

import typer

from malipo.messaging.database import Row, connected
from malipo.platform import settings
from malipo.platform.settings import ServiceSettings

_LIST = """
SELECT received_at, concerns, merchant_id, mode, event_type, reference_ids, amount_minor, currency, callback_id
FROM unmatched WHERE $1 OR concerns <> 'others' ORDER BY received_at DESC LIMIT $2
"""
_CONNECT_SECONDS = 10


def add_commands(cli: typer.Typer, settings_type: type[ServiceSettings]) -> None:
    """Add `unmatched` to the service's commands."""

    @cli.command()
    def unmatched(
        everything: Annotated[bool, typer.Option("--all", help="Also what other systems of an account did.")] = False,
        limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the newest first.")] = 100,
    ) -> None:
        """List what the provider told of that nobody ordered here: a line of JSON each."""
        url = settings.load(settings_type).database_url.get_secret_value()
        for row in asyncio.run(_listed(url, everything=everything, limit=limit)):
            typer.echo(json.dumps(dict(row), default=str))


async def _listed(url: str, *, everything: bool, limit: int) -> list[Row]:
    async with asyncio.timeout(_CONNECT_SECONDS), connected(url) as connection:
        return list(await connection.fetch(_LIST, everything, limit))
