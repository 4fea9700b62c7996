"""Archives of single months: a compressed CSV file of the rows, and a manifest beside it by which it is verified.

The rows are as COPY writes them, the names of the columns in the first line: PostgreSQL reads that again, and so does whatever
else reads CSV. What is sealed in the database is sealed in it.
"""

import csv
import gzip
import hashlib
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import msgspec

from malipo import clock
from malipo.platform.months import Month, MonthlyTable
from malipo.platform.owner import Connection

MANIFEST = ".manifest.json"
_ROWS = ".csv.gz"
_LONGEST_VALUE = 2**31 - 1
_REVISION = "SELECT version_num FROM alembic_version"
_LOST = """
SELECT count(*) FROM (SELECT ROW({columns})::text FROM archived EXCEPT ALL SELECT ROW({columns})::text FROM {part}) AS lost
"""
_UNMISTAKABLE = "SET DateStyle = 'ISO'; SET TimeZone = 'UTC'"
"""How moments are written from now on, by a session that is the command's own: as the role or the server is set, 5/2 may be read as another day, and a zone by its letters as another one."""


class Damaged(Exception):
    """The archive is not what was written, or was never written to its end."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What an archive is of. `revision` is that of the migrations which had made its table; `sha256` that of the compressed file."""

    service: str
    table: str
    month: str
    columns: tuple[str, ...]
    revision: str
    rows: int
    bytes: int
    sha256: str
    written_at: str


class Archive:
    """One month of one table, as files: `<service>.<table>.<month>.csv.gz`, and a manifest without which it counts for nothing."""

    def __init__(self, folder: Path, name: str) -> None:
        self._name = name
        self.rows = folder / f"{name}{_ROWS}"
        self.manifest = folder / f"{name}{MANIFEST}"

    @classmethod
    def of(cls, folder: Path, service: str, table: MonthlyTable, month: Month) -> Self:
        """Where a month is written."""
        return cls(folder, f"{service}.{table.name}.{month}")

    @classmethod
    def at(cls, file: Path) -> Self:
        """The archive that a person names by either of its files. Raises `Damaged` for any other."""
        for suffix in (_ROWS, MANIFEST):
            if file.name.endswith(suffix):
                return cls(file.parent, file.name.removesuffix(suffix))
        msg = f"{file} is no archive: name a file that ends with {_ROWS}, or its manifest"
        raise Damaged(msg)

    async def write(self, connection: Connection, service: str, table: MonthlyTable, month: Month) -> Manifest:
        """Write the rows that the month has now, have them on the disk, and read them back. Raises `Damaged` or `OSError`.

        What is there already of the same month is replaced, unless it has a row that the month has not.
        """
        if self.manifest.exists():  # what the month has it still has when this is replaced: rows are only ever added
            await self._require_held(connection, table.part(month))
        with _drafted(self.rows) as draft:
            columns, rows = await _copy_out(connection, table.part(month), draft)
            written = Manifest(
                service=service,
                table=table.name,
                month=str(month),
                columns=columns,
                revision=await connection.fetchval(_REVISION),
                rows=rows,
                bytes=draft.stat().st_size,
                sha256=_digest(draft),
                written_at=clock.iso(clock.now()),
            )
            self.manifest.unlink(missing_ok=True)  # it never stands beside rows that are not its own
        _write(self.manifest, msgspec.json.format(msgspec.json.encode(written)))
        return self.verified()

    def verified(self) -> Manifest:
        """The manifest, once all of the archive was read and is as it says. Raises `Damaged`."""
        try:
            manifest = msgspec.json.decode(self.manifest.read_bytes(), type=Manifest)
            size = self.rows.stat().st_size
            if (size, _digest(self.rows)) != (manifest.bytes, manifest.sha256):
                cut = (
                    f"it has {size} bytes, and was written with {manifest.bytes}"
                    if size != manifest.bytes
                    else "altered"
                )
                msg = f"{self.rows} is not as its manifest says: {cut}"
                raise Damaged(msg)
            columns, rows = _counted(self.rows)
        except (OSError, EOFError, ValueError, csv.Error, msgspec.MsgspecError) as error:
            msg = f"{self._name} in {self.rows.parent} cannot be read: {error}"
            raise Damaged(msg) from error
        if (columns, rows) != (manifest.columns, manifest.rows):
            msg = f"{self.rows} has {rows} rows, and its manifest says {manifest.rows}, or it has other columns"
            raise Damaged(msg)
        return manifest

    async def _require_held(self, connection: Connection, part: str) -> None:
        """Raise `Damaged` unless the month has all rows of the archive that is there: another installation's has the same name."""
        columns = ", ".join(map(_quoted, self.verified().columns))
        async with connection.transaction():
            await connection.execute(f"{_UNMISTAKABLE}; CREATE TEMP TABLE archived (LIKE {part}) ON COMMIT DROP")
            await self.load(connection, "archived")
            lost = await connection.fetchval(_LOST.format(columns=columns, part=part))
        if lost:
            msg = f"{self.rows} has {lost} rows of this month that the database has not, as another installation's: archive into another folder"
            raise Damaged(msg)

    async def load(self, connection: Connection, into: str) -> None:
        """Put the rows into this table, whose columns may be more. The archive has to be `verified`."""
        with gzip.open(self.rows) as rows:
            columns = _header(rows.readline())
            await connection.copy_to_table(into, source=rows, columns=columns, format="csv")


async def _copy_out(connection: Connection, part: str, file: Path) -> tuple[tuple[str, ...], int]:
    with file.open("wb") as plain:
        with gzip.GzipFile(filename="", fileobj=plain, mode="wb", mtime=0) as packed:
            failed: list[OSError] = []

            async def take(chunk: bytes) -> None:
                try:
                    if not failed:
                        packed.write(chunk)
                except OSError as error:
                    # Raised here, at the last chunk, asyncpg would wait for ever to be told of its cancel.
                    failed.append(error)

            await connection.execute(_UNMISTAKABLE)
            told = await connection.copy_from_query(f"SELECT * FROM {part}", output=take, format="csv", header=True)  # noqa: S608 - a name of ours
            if failed:
                raise failed[0]
        plain.flush()
        os.fsync(plain.fileno())
    with gzip.open(file) as rows:
        columns = _header(rows.readline())
    return columns, int(told.rpartition(" ")[2])  # "COPY 5"


def _counted(file: Path) -> tuple[tuple[str, ...], int]:
    csv.field_size_limit(_LONGEST_VALUE)
    with gzip.open(file, "rt", encoding="utf-8", newline="") as text:
        lines = csv.reader(text)
        columns = tuple(next(lines))
        return columns, sum(1 for _ in lines)


def _header(line: bytes) -> tuple[str, ...]:
    return tuple(line.decode().rstrip("\n").split(","))


def _quoted(name: str) -> str:
    """A column's name, which comes from a file, as a statement has it."""
    return '"{}"'.format(name.replace('"', '""'))


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _write(file: Path, content: bytes) -> None:
    with _drafted(file) as draft, draft.open("wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())


@contextmanager
def _drafted(file: Path) -> Generator[Path]:
    """The name under which a file is written: it gets its own once that is done, and what is not whole is removed.

    An `OSError` names it: of a disk that is full nobody knows by itself which one that is.
    """
    draft = file.with_suffix(".draft")
    try:
        yield draft
        draft.replace(file)
        _on_disk(file.parent)
    except OSError as error:
        if error.filename or isinstance(error, (ConnectionError, TimeoutError)):  # these are PostgreSQL's
            raise
        raise OSError(error.errno, error.strerror, str(draft)) from error
    finally:
        draft.unlink(missing_ok=True)


def _on_disk(folder: Path) -> None:
    """Names, too, are on the disk only once their folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
