"""Below which id nothing comes to the outbox any more."""

import asyncpg
import pytest

from malipo.messaging.floor import HANGS_SECONDS, LOWEST, Floor

INSERT = "INSERT INTO outbox (message_id, shard, topic, key, headers, payload) VALUES ($1, 0, 'a', 'b', '{}', '') RETURNING id"


def floor_of(*looks: tuple[float, int]) -> int:
    floor = Floor()
    for at, lowest in looks:
        floor.looked(at, lowest)
    return floor.id


def test_the_floor_is_what_was_the_lowest_throughout_a_minute():
    assert floor_of((0, 7), (30, 8), (60, 9)) == 7
    assert floor_of((0, 7), (30, 8), (60, 9), (90, 9)) == 8
    assert floor_of((0, 9), (30, 8), (60, 9)) == 8


def test_there_is_no_floor_before_a_minute_is_known():
    assert floor_of() == 0
    assert floor_of((0, 7)) == 0
    assert floor_of((0, 7), (59, 9)) == 0


def test_looks_that_were_missed_leave_the_floor_where_the_one_before_them_saw_it():
    assert floor_of((0, 7), (60, 8), (600, 9)) == 8


def test_what_comes_late_below_the_floor_takes_it_down():
    assert floor_of((0, 70), (30, 80), (60, 90), (70, 12)) == 12


def test_another_server_has_no_floor_yet():
    floor = Floor()
    floor.looked(0, 7)
    floor.looked(60, 8)
    floor.forget()
    assert floor.id == 0


@pytest.fixture
def url(new_database):
    return new_database("orchestrator")


@pytest.fixture
async def connection(url):
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


async def test_the_lowest_id_of_an_outbox_is_that_of_its_first_row_or_the_last_one_given_out(connection):
    assert await connection.fetchval(LOWEST, HANGS_SECONDS) == 0
    first, second = [await connection.fetchval(INSERT, message_id) for message_id in ("msg_1", "msg_2")]
    assert await connection.fetchval(LOWEST, HANGS_SECONDS) == first
    await connection.execute("DELETE FROM outbox WHERE id = $1", first)
    assert await connection.fetchval(LOWEST, HANGS_SECONDS) == second
    await connection.execute("DELETE FROM outbox")
    assert await connection.fetchval(LOWEST, HANGS_SECONDS) == second


async def test_while_a_transaction_is_open_for_long_that_has_written_no_id_is_known_to_be_the_lowest(connection, url):
    await connection.execute("BEGIN")
    first = await connection.fetchval(INSERT, "msg_1")
    other = await asyncpg.connect(url)
    try:
        assert await other.fetchval(INSERT, "msg_2") > first
        assert await other.fetchval(LOWEST, HANGS_SECONDS) > first
        assert await other.fetchval(LOWEST, 0) == 0
        await connection.execute("COMMIT")
        assert await other.fetchval(LOWEST, 0) == first
    finally:
        await other.close()
