"""Of each column there are two places, its table and its migration, and neither has one that the other lacks."""

import asyncio

import asyncpg
import pytest
from alembic.util import CommandError

from malipo.platform import migrations
from malipo_local.services import SERVICES, Kind

PACKAGES = [row.module for row in SERVICES if row.kind is Kind.SERVICE]


def change(url: str, statement: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(statement)
        await connection.close()

    asyncio.run(execute())


@pytest.mark.parametrize("package", PACKAGES)
def test_the_migrations_make_the_tables_that_the_code_knows(package, new_database):
    migrations.check(package, new_database(package))


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("ALTER TABLE inbox ADD COLUMN colour text", "colour"),
        ("ALTER TABLE timers DROP COLUMN due_at", "due_at"),
        ("ALTER TABLE payments ALTER COLUMN step TYPE bigint", "step"),
        ("ALTER TABLE payments ALTER COLUMN step DROP NOT NULL", "step"),
        ("ALTER TABLE outbox ALTER COLUMN created_at DROP DEFAULT", "created_at"),
        ("DROP INDEX history_by_age", "history_by_age"),
        ("CREATE TABLE strangers (name text)", "strangers"),
    ],
)
def test_what_only_one_side_has_is_named(statement, told, new_database):
    url = new_database("orchestrator")
    change(url, statement)
    with pytest.raises(CommandError, match=told):
        migrations.check("orchestrator", url)
