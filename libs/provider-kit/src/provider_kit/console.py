"""The operator's command of every provider service: what the provider told of that nobody ordered here."""

import json
from collections.abc import Sequence
from typing import Annotated

import typer

from malipo.messaging import command
from malipo.messaging.database import Queries, Row
from malipo.platform.settings import ServiceSettings

_LIST = """
SELECT received_at, concerns, merchant_id, mode, event_type, reference_ids, amount_minor, currency, callback_id
FROM unmatched WHERE $1 OR concerns <> 'others' ORDER BY received_at DESC LIMIT $2
"""


def add_commands(cli: typer.Typer, settings_type: type[ServiceSettings]) -> None:
    """Add `unmatched` to the service's commands."""

    @cli.command()
    def unmatched(
        everything: Annotated[bool, typer.Option("--all", help="Also what other systems of an account did.")] = False,
        limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the newest first.")] = 100,
    ) -> None:
        """List what the provider told of that nobody ordered here: a line of JSON each."""
        for row in command.run(settings_type, lambda units: listed(units.reads, everything=everything, limit=limit)):
            typer.echo(json.dumps(dict(row), default=str))


async def listed(source: Queries, *, everything: bool, limit: int) -> Sequence[Row]:
    """At most so many rows, the newest first; without `everything` only what a person has to look at."""
    return await source.fetch(_LIST, everything, limit)
