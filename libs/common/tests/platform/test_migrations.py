"""A release migrates a database that is behind, leaves one that is ahead as it is, and holds nobody up for long."""

import asyncio
import importlib
import sys
from pathlib import Path

import pytest

from malipo import ids
from malipo.messaging.pool import connected
from malipo.platform import migrations
from testkit.waiting import until

_ENV = """
from malipo.platform.migrations import run_from_env
from sqlalchemy import MetaData

run_from_env(MetaData())
"""
_REVISION = """
from malipo.platform.migrations import script

revision, down_revision = {revision!r}, {before!r}


def upgrade():
    script({statement!r})
"""
FIRST = "CREATE TABLE payments (id text PRIMARY KEY); INSERT INTO payments VALUES ('pay_1')"
SECOND = "ALTER TABLE payments ADD COLUMN note text"


class Releases:
    """Releases of services that are made up, and an empty database."""

    def __init__(self, folder: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.url = url
        self.told: list[str] = []
        self._folder = folder
        self._monkeypatch = monkeypatch

    async def migrate(self, package: str, *statements: str) -> str:
        """By the release of `package` that has a migration for each of these."""
        release = self._folder / ids.new("release")
        versions = release / package / "migrations/versions"
        versions.mkdir(parents=True)
        (release / package / "__init__.py").touch()
        (versions.parent / "env.py").write_text(_ENV)
        for number, statement in enumerate(statements, 1):
            before = f"{number - 1:04}" if number > 1 else None
            text = _REVISION.format(revision=f"{number:04}", before=before, statement=statement)
            (versions / f"{number:04}_one.py").write_text(text)
        with self._monkeypatch.context() as patch:
            patch.syspath_prepend(release)
            patch.delitem(sys.modules, package, raising=False)
            importlib.import_module(package)
            return await asyncio.to_thread(migrations.migrate, package, self.url, self.told.append)


@pytest.fixture
async def releases(stores, tmp_path, monkeypatch):
    server, name = stores.databases.server, f"released_{ids.token(4)}"
    async with connected(f"{server}/postgres") as connection:
        await connection.execute(f"CREATE DATABASE {name}")
    return Releases(tmp_path, f"{server}/{name}", monkeypatch)


async def columns(url: str) -> list[str]:
    async with connected(url) as connection:
        rows = await connection.fetch(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'payments' ORDER BY 1"
        )
    return [row["column_name"] for row in rows]


async def test_a_release_brings_a_database_up_to_date_and_then_has_nothing_to_do(releases):
    assert await releases.migrate("shop", FIRST) == "at 0001"
    assert await releases.migrate("shop", FIRST, SECOND) == "at 0002"
    assert await releases.migrate("shop", FIRST, SECOND) == "nothing to do: at 0002"
    assert await columns(releases.url) == ["id", "note"]
    assert releases.told == []


async def test_a_release_that_is_gone_back_to_leaves_the_newer_ones_database_as_it_is(releases):
    await releases.migrate("shop", FIRST, SECOND)
    said = await releases.migrate("shop", FIRST)
    assert said == "at 0002, which is newer than this release: nothing to do"
    assert await columns(releases.url) == ["id", "note"]
    assert await releases.migrate("shop", FIRST, SECOND) == "nothing to do: at 0002"


async def test_another_services_database_is_refused_be_it_as_far_or_farther(releases):
    await releases.migrate("shop", FIRST, SECOND)
    for statements in ((FIRST,), (FIRST, SECOND)):
        with pytest.raises(migrations.NotMigrated, match="leads to the database of shop, not of warehouse"):
            await releases.migrate("warehouse", *statements)


async def test_a_database_whose_revision_came_after_nothing_of_this_release_is_refused(releases):
    await releases.migrate("shop", FIRST)
    async with connected(releases.url) as connection:
        await connection.execute("UPDATE alembic_version SET version_num = 'unheard-of'")
    with pytest.raises(migrations.NotMigrated, match="unheard-of"):
        await releases.migrate("shop", FIRST)


async def test_a_migration_lets_reads_pass_while_a_backup_holds_its_table_and_ends_when_that_has(releases):
    await releases.migrate("shop", FIRST)
    async with connected(releases.url) as backup:
        await backup.execute("SET application_name = 'pg_dump'")
        reading = backup.transaction()
        await reading.start()
        await backup.execute("LOCK TABLE payments IN ACCESS SHARE MODE")
        pid = backup.get_server_pid()
        migrating = asyncio.create_task(releases.migrate("shop", FIRST, SECOND))
        await until(lambda: len(releases.told) > 1, what="it has tried twice")
        async with connected(releases.url) as reader:
            assert await reader.fetchval("SELECT id FROM payments") == "pay_1"
        assert f"a table is in use by process {pid} (" in releases.told[0]
        assert "pg_dump" in releases.told[0]
        assert await columns(releases.url) == ["id"]
        await reading.rollback()
        assert await migrating == "at 0002"
    assert await columns(releases.url) == ["id", "note"]


async def test_a_migration_that_never_gets_its_table_says_who_holds_it_and_how_to_go_on(releases, monkeypatch):
    monkeypatch.setattr(migrations, "_TRIES", 1)
    await releases.migrate("shop", FIRST)
    async with connected(releases.url) as report, report.transaction():
        await report.execute("LOCK TABLE payments IN ACCESS SHARE MODE")
        with pytest.raises(migrations.NotMigrated, match=r"in use by process \d+ .*pg_terminate_backend"):
            await releases.migrate("shop", FIRST, SECOND)
