"""The operator's command of every provider service: what the provider reported that matches no operation here."""

import json
from collections.abc import Sequence
from typing import Annotated

import typer
from sqlalchemy import bindparam, select

from malipo.messaging import operator_command
from malipo.messaging.pool import Queries, Row
from malipo.messaging.queries import CompiledQuery
from malipo.platform.settings import ServiceSettings
from provider_kit.tables import UNMATCHED

_NEWEST_FIRST = (
    select(
        *(UNMATCHED.c.received_at, UNMATCHED.c.concerns, UNMATCHED.c.merchant_id, UNMATCHED.c.mode),
        *(UNMATCHED.c.event_type, UNMATCHED.c.reference_ids, UNMATCHED.c.amount_minor, UNMATCHED.c.currency),
        UNMATCHED.c.callback_id,
    )
    .order_by(UNMATCHED.c.received_at.desc())
    .limit(bindparam("limit"))
)
_ALL = CompiledQuery(_NEWEST_FIRST)
_FOR_A_PERSON = CompiledQuery(_NEWEST_FIRST.where(UNMATCHED.c.concerns != "others"))


def add_commands(cli: typer.Typer, settings_type: type[ServiceSettings]) -> None:
    """Add `unmatched` to the service's commands."""

    @cli.command()
    def unmatched(
        everything: Annotated[bool, typer.Option("--all", help="Also what other systems of an account did.")] = False,
        limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the newest first.")] = 100,
    ) -> None:
        """List what the provider reported that matches no operation here: a line of JSON each."""
        provider = settings_type.__module__.partition(".")[0].removeprefix("provider_")
        found = operator_command.run(
            settings_type, lambda database: listed(database.reads, everything=everything, limit=limit)
        )
        if not found:
            others = "" if everything else "; --all lists also what other systems of an account did"
            typer.echo(f"nothing that {provider} reported is unmatched{others}", err=True)
        for row in found:
            typer.echo(json.dumps({"provider": provider, **row}, default=str))


async def listed(source: Queries, *, everything: bool, limit: int) -> Sequence[Row]:
    """At most so many rows, the newest first; without `everything` only what a person has to look at."""
    return await source.fetch(*(_ALL if everything else _FOR_A_PERSON).of(limit=limit))
