"""Brings a service's database up to date, and remembers the outcome for the next new stack.

A migration is mostly the import of the service: seconds of processor time for a tenth of a second of SQL. So
the schema that the same revisions made before, in a database as empty as this one, is loaded from the cache.
"""

from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from malipo import clock
from malipo_local.connection import connected
from malipo_local.home import cache_folder
from malipo_local.postgres_programs import client_programs, version_of
from malipo_local.process import Command, run
from malipo_local.program import Step
from malipo_local.services import Service
from malipo_local.site import Site

_KEPT = 40  # schemas of that many versions of the code, about 50 kB each


class Migration(Step):
    """The step `migrate` of one service."""

    def __init__(self, site: Site, row: Service, index: int) -> None:
        """Take the row of the step."""
        super().__init__(site, row, index)
        self._log = site.home.log(row.name)
        self._url = site.service_database_url(row)
        self._programs = client_programs(version_of(site))
        self._was_empty = False

    def fingerprint(self) -> str:
        """Changes with the month, too: a migration makes the next ones."""
        return f"{super().fingerprint()}-{clock.now():%Y-%m}"

    async def need_not_run(self) -> bool:
        """It ran before on this data, or what it makes of an empty database is known."""
        if await super().need_not_run():
            return True
        self._was_empty = await _is_empty(self._url)
        return self._was_empty and self._remembered.exists() and await self._load()

    async def finish(self) -> None:
        """Remember the schema, if all of it is the work of these revisions; the wheel's programs cannot read a secure server's."""
        if self._was_empty and not self._site.plan.secure and not await _is_empty(self._url):
            await self._remember()
        await super().finish()

    @property
    def _remembered(self) -> Path:
        return cache_folder() / "schemas" / f"{self._row.database}-{version_of(self._site)}-{self.fingerprint()}.sql"

    async def _load(self) -> bool:
        """In one transaction: what fails has changed nothing, and the migration runs as if never remembered."""
        statements = self._remembered.read_text()
        try:
            async with connected(self._url) as database:
                await database.execute(statements)
        except asyncpg.PostgresError as failure:
            print(f"{self._row.name}: its schema is made anew, for {failure}", flush=True)
            return False
        self._remembered.touch()  # the oldest are thrown away
        await super().finish()
        return True

    async def _remember(self) -> None:
        final = self._remembered
        draft = final.with_suffix(f".{self._site.port('postgres')}")
        _make_room(final.parent)
        options = ("--no-owner", "--no-privileges", "--inserts", "--file", str(draft))
        argv = [str(self._programs / "pg_dump"), *options]
        if await run(Command(argv=argv, env=_as_variables(self._url), log=self._log)) == 0:
            draft.write_text(_without_orders_to_psql(draft.read_text()))
            draft.replace(final)


def _as_variables(url: str) -> dict[str, str]:
    """For a program of PostgreSQL's: what is on its command line everybody on this machine may read."""
    to = urlsplit(url)
    named = {
        "HOST": to.hostname,
        "PORT": to.port,
        "USER": to.username,
        "PASSWORD": to.password,
        "DATABASE": to.path[1:],
    }
    return {f"PG{name}": str(value) for name, value in named.items()}


def _without_orders_to_psql(dump: str) -> str:
    """As the server takes it, which knows none of the lines that begin with a backslash."""
    return "".join(line for line in dump.splitlines(keepends=True) if not line.startswith("\\"))


def _make_room(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    oldest_first = sorted(folder.glob("*.sql"), key=lambda path: path.stat().st_mtime)
    for path in oldest_first[:-_KEPT]:
        path.unlink(missing_ok=True)


async def _is_empty(url: str) -> bool:
    async with connected(url) as database:
        return not await database.fetchval("SELECT EXISTS (SELECT FROM pg_stat_user_tables)")
