"""What is written of a month before it is dropped says the same to whoever reads it, and is whole or not there."""

import errno
import gzip
import os

import pytest

from malipo.platform import partitions
from malipo.platform.archives import Archive
from malipo.platform.months import monthly_of
from orchestrator import tables

(history,) = monthly_of([tables.metadata])


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
