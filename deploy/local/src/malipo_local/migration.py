"""Brings a service's database up to date, and remembers the outcome for the next new stack.

A migration is mostly the import of the service: seconds of processor time for a tenth of a second of SQL. So
the schema that the same revisions made before, in a database as empty as this one, is loaded from the cache.
"""

from pathlib import Path
from typing import Any, cast

from malipo_local.home import cache_folder
from malipo_local.postgres import binaries, version_of
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
        self._url = site.database_url(row.database)
        self._programs = binaries(version_of(site))
        self._was_empty = False

    async def need_not_run(self) -> bool:
        """It ran before on this data, or what it makes of an empty database is known."""
        if await super().need_not_run():
            return True
        self._was_empty = await _is_empty(self._url)
        return self._was_empty and self._remembered.exists() and await self._load()

    async def finish(self) -> None:
        """Remember the schema, if all of it is the work of these revisions."""
        if self._was_empty and not await _is_empty(self._url):
            await self._remember()
        await super().finish()

    @property
    def _remembered(self) -> Path:
        return cache_folder() / "schemas" / f"{self._row.database}-{version_of(self._site)}-{self.fingerprint()}.sql"

    async def _load(self) -> bool:
        options = ("--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--output=/dev/null")
        argv = [str(self._programs / "psql"), *options, "--file", str(self._remembered), self._url]
        if await run(Command(argv=argv, log=self._log)) != 0:
            return False  # a single transaction: nothing was changed, and the migration runs as if never remembered
        self._remembered.touch()  # the oldest are thrown away
        await super().finish()
        return True

    async def _remember(self) -> None:
        final = self._remembered
        draft = final.with_suffix(f".{self._site.port('postgres')}")
        _make_room(final.parent)
        argv = [str(self._programs / "pg_dump"), "--no-owner", "--file", str(draft), self._url]
        if await run(Command(argv=argv, log=self._log)) == 0:
            draft.replace(final)


def _make_room(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    oldest_first = sorted(folder.glob("*.sql"), key=lambda path: path.stat().st_mtime)
    for path in oldest_first[:-_KEPT]:
        path.unlink(missing_ok=True)


async def _is_empty(url: str) -> bool:
    import asyncpg

    opened = await asyncpg.connect(url)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    connection = cast("Any", opened)
    try:
        return not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_stat_user_tables)")
    finally:
        await connection.close()
