"""What is written of a month before it is dropped says the same to whoever reads it, and is whole or not there."""

import errno
import gzip
import os

import asyncpg
import pytest

from malipo import ids
from malipo.platform import migrations, partitions
from malipo.platform.archives import Archive, Damaged
from malipo.platform.months import monthly_of
from orchestrator import tables
from testkit.owning import owners

(history,) = monthly_of([tables.metadata])
GATEWAYS = {
    "audit_log": "INSERT INTO audit_log (at, request_id, allowed, reason, method, route, remote) VALUES ($1, $2, true, '', 'GET', '/', '')",
    "timeline": r"""INSERT INTO timeline VALUES ($2, 'msg', 'step', $1, '{"b": "it said \"no\",",  "a": null}')""",
}


async def test_moments_come_back_as_they_were_however_the_owner_has_them_written(world, tmp_path):
    await world.made(history, 20)
    payment_id = await world.pay(20)
    moment = "2025-02-05 10:00:00.25+00"
    await world.connection.execute("UPDATE history SET occurred_at = $1::text::timestamptz", moment)
    before = await world.connection.fetch("SELECT * FROM history")
    await world.connection.execute("SET DateStyle = 'SQL, DMY'; SET TimeZone = 'Asia/Kolkata'")
    assert (await world.retire(history, archive=tmp_path))[0]
    await world.connection.execute("RESET DateStyle; RESET TimeZone")
    archive = Archive.of(tmp_path, "orchestrator", history, world.ago(20))
    with gzip.open(archive.rows, "rt") as text:
        assert f"{payment_id},1," in (rows := text.read())
        assert "2025-02-05 10:00:00.25+00" in rows
    await partitions.make(world.connection, history, world.ago(20), lambda part: archive.load(world.connection, part))
    assert await world.connection.fetch("SELECT * FROM history") == before


async def test_on_a_disk_that_is_full_a_month_stays_and_no_part_of_it_and_the_file_is_named(
    world, tmp_path, monkeypatch
):
    def full(_self, _chunk: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    await world.made(history, 20)
    await world.pay(20)
    monkeypatch.setattr(gzip.GzipFile, "write", full)
    with pytest.raises(OSError, match=rf"No space left on device: '{tmp_path}/orchestrator.history"):
        await world.retire(history, archive=tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert await world.count("history") == 1


async def test_another_installations_archive_is_not_replaced_however_many_rows_a_month_has_here(
    world, another, tmp_path
):
    for installation in (world, another):
        await installation.made(history, 20)
    payment_id = await another.pay(20)
    assert (await another.retire(history, archive=tmp_path))[0]
    for _ in range(3):
        await world.pay(20)
    with pytest.raises(
        Damaged, match=r"has 1 rows of this month that the database has not.*archive into another folder"
    ):
        await world.retire(history, archive=tmp_path)
    assert await world.count("history") == 3
    with gzip.open(Archive.of(tmp_path, "orchestrator", history, world.ago(20)).rows, "rt") as text:
        assert payment_id in text.read()
    (tmp_path / "own").mkdir()
    assert (await world.retire(history, archive=tmp_path / "own"))[0]


async def test_an_archive_is_replaced_once_its_month_was_put_back_and_has_grown(world, tmp_path):
    await world.made(history, 20)
    await world.pay(20)
    assert (await world.retire(history, archive=tmp_path))[0]
    archive = Archive.of(tmp_path, "orchestrator", history, world.ago(20))
    await world.connection.execute("ALTER TABLE history ADD COLUMN added text DEFAULT 'of a later release'")
    await partitions.make(world.connection, history, world.ago(20), lambda part: archive.load(world.connection, part))
    await world.pay(20)
    assert (await world.retire(history, archive=tmp_path))[0]
    assert archive.verified().rows == 2
    assert archive.verified().columns[-1] == "added"


async def test_what_the_gateway_archives_is_replaced_by_the_same(new_database, tmp_path):
    connection = await asyncpg.connect(owners(new_database("gateway")))
    try:
        month = (await partitions.present(connection)).plus(-20)
        for table in monthly_of(migrations.tables_of("gateway")):
            if not table.by.archived:
                continue
            await partitions.make(connection, table, month)
            await connection.execute(GATEWAYS[table.name], month.begins, ids.new("pay", month.begins))
            archive = Archive.of(tmp_path, "gateway", table, month)
            for _ in range(2):
                assert (await archive.write(connection, "gateway", table, month)).rows == 1
    finally:
        await connection.close()
