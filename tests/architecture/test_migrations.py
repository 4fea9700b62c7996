"""Released migrations stay as they are, and a new one only adds what the former release does not mind."""

import sys
import tomllib
from pathlib import Path

import pytest
from architecture import expanding

sys.path.append(str(Path(__file__).parents[2] / "deploy/release"))

import frozen

ROOT = Path(__file__).parents[2]

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]


def why(*statements: str, unused_since: str | None = None) -> list[str]:
    return [one.why for one in expanding.refused(expanding.Migration(statements, unused_since), "0.3.0")]


def test_no_released_migration_was_edited() -> None:
    assert frozen.edited() == [], (
        "a released migration stays as it is: write a new one (docs/operations/upgrade.md). Before the first release is tagged: "
        "python deploy/release/frozen.py"
    )


@pytest.mark.parametrize("name", [name for name in frozen.unreleased() if name in frozen.migrations()] or ["none"])
def test_a_new_migration_only_adds_what_the_former_release_does_not_mind(name: str) -> None:
    if name != "none":
        migration = expanding.read(frozen.migrations()[name])
        assert [str(one) for one in expanding.refused(migration, VERSION)] == []


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE notes (id bigint PRIMARY KEY, payment_id text NOT NULL REFERENCES payments)",
        "ALTER TABLE payments ADD COLUMN note text, ADD COLUMN seen boolean NOT NULL DEFAULT false",
        "ALTER TABLE payments ALTER COLUMN note DROP NOT NULL",
        "CREATE INDEX IF NOT EXISTS payments_notes ON payments (note)",
    ],
)
def test_what_is_added_is_let_pass(statement: str) -> None:
    assert why(statement) == []


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ("ALTER TABLE payments DROP COLUMN note", "uses it"),
        ("DROP TABLE notes", "uses it"),
        ("ALTER TABLE payments ADD COLUMN note text NOT NULL", "does not fill it"),
        ("ALTER TABLE payments ADD COLUMN note text UNIQUE", "refused then"),
        ("ALTER TABLE payments ALTER COLUMN note SET NOT NULL", "refused then"),
        ("ALTER TABLE payments ADD CONSTRAINT short CHECK (length(note) < 9)", "refused then"),
        ("ALTER TABLE payments ALTER COLUMN note TYPE varchar(9)", "the old type"),
        ("ALTER TABLE payments RENAME COLUMN note TO remark", "its old name"),
        ("CREATE INDEX payments_notes ON payments (note)", "writers wait"),
        ("CREATE UNIQUE INDEX IF NOT EXISTS payments_notes ON payments (note)", "there twice"),
        ("UPDATE payments SET note = ''", "a few at a time"),
    ],
)
def test_what_the_former_release_would_mind_is_named_with_the_reason(statement: str, word: str) -> None:
    [said] = why(statement)
    assert word in said


def test_a_table_that_the_migration_makes_itself_may_be_made_in_any_way() -> None:
    assert (
        why(
            "CREATE TABLE notes (id bigint)", "CREATE UNIQUE INDEX n ON notes (id)", "ALTER TABLE notes ADD UNIQUE (id)"
        )
        == []
    )


def test_what_went_out_of_use_a_release_before_may_be_dropped() -> None:
    drop = "ALTER TABLE payments DROP COLUMN note"
    assert why(drop, unused_since="0.2.0") == []
    assert len(why(drop, unused_since="0.3.0")) == 1


def test_a_migration_is_read_with_the_steps_that_it_shares(tmp_path: Path) -> None:
    revision = tmp_path / "0002_more.py"
    revision.write_text(
        "from malipo.messaging import migration\nfrom malipo.platform.migrations import script\n"
        'def upgrade():\n    script(migration.V1)\n    script("DROP TABLE inbox -- all of it")\n'
    )
    statements = expanding.read(revision).statements
    assert any(one.startswith("CREATE TABLE outbox") for one in statements)
    assert statements[-1] == "DROP TABLE inbox"


def test_a_migration_that_is_no_sql_is_refused(tmp_path: Path) -> None:
    revision = tmp_path / "0002_more.py"
    revision.write_text('from alembic import op\ndef upgrade():\n    op.drop_column("payments", "note")\n')
    with pytest.raises(AssertionError, match="write a migration in SQL"):
        expanding.read(revision)
