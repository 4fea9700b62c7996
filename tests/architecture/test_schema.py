"""Each column is in two places, its table and its migration, and neither has one that the other lacks."""

import ast
import asyncio
from pathlib import Path

import pytest
from alembic.util import CommandError

from malipo.platform import migrations
from malipo_local.services import SERVICES, Kind, migration_of
from testkit.owning import as_owner, owners

ROOT = Path(__file__).parents[2]
PACKAGES = [row.module for row in SERVICES if row.kind is Kind.SERVICE]


def change(url: str, statement: str) -> None:
    asyncio.run(as_owner(url, statement))


@pytest.mark.parametrize("package", PACKAGES)
def test_the_migrations_make_the_tables_that_the_code_has(package, new_database):
    migrations.check(package, owners(new_database(package)))


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("ALTER TABLE inbox ADD COLUMN colour text", "colour"),
        ("ALTER TABLE timers DROP COLUMN due_at", "due_at"),
        ("ALTER TABLE payments ALTER COLUMN step TYPE bigint", "step"),
        ("ALTER TABLE payments ALTER COLUMN step DROP NOT NULL", "step"),
        ("ALTER TABLE outbox ALTER COLUMN created_at DROP DEFAULT", "created_at"),
        ("DROP INDEX history_by_age", "history_by_age"),
        ("CREATE TABLE unknown (name text)", "unknown"),
    ],
)
def test_what_only_one_side_has_is_named(statement, named, new_database):
    url = new_database("orchestrator")
    change(url, statement)
    with pytest.raises(CommandError, match=named):
        migrations.check("orchestrator", owners(url))


@pytest.mark.parametrize("service", [row for row in SERVICES if row.kind is Kind.SERVICE], ids=lambda row: row.name)
def test_the_local_stack_migrates_anew_when_anything_changes_that_a_migration_is_made_of(service):
    (first,) = ROOT.glob(f"services/*/src/{service.module}/migrations/versions/0001_*.py")
    imports = [node for node in ast.walk(ast.parse(first.read_text())) if isinstance(node, ast.ImportFrom)]
    steps = {f"{node.module}.{name.name}" for node in imports for name in node.names if name.name == "migration"}
    assert steps
    assert {f"{step.replace('.', '/')}.py" for step in steps} <= set(migration_of(service).sources)
