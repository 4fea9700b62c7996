"""Rows for several tables, written as one statement."""

import pytest
from asyncpg import UniqueViolationError

from malipo.contracts.commands import CancelPayment
from malipo.contracts.topics import PAYMENT_COMMANDS
from malipo.messaging import tables
from malipo.messaging.database import Database
from malipo.messaging.unit_of_work import INSERT_INBOX
from malipo.messaging.writes import Write, insert

INBOX_UNLESS_THERE = insert(tables.INBOX, "ON CONFLICT DO NOTHING")
FORGET = Write("DELETE FROM inbox WHERE message_id = ANY({arrays})", (tables.INBOX.c.message_id,))


@pytest.fixture
async def database(new_database, pool_of):
    database = Database()
    database.use(await pool_of(new_database("orchestrator")))
    return database


async def inbox(database: Database) -> list[tuple[str, str]]:
    rows = await database.reads.fetch("SELECT consumer, message_id FROM inbox ORDER BY message_id")
    return [(row["consumer"], row["message_id"]) for row in rows]


async def test_rows_of_several_tables_are_written_at_the_commit_and_each_in_its_own(database):
    async with database.begin() as unit:
        unit.put(INSERT_INBOX, [("a", "1"), ("a", "2")])
        unit.send(PAYMENT_COMMANDS, "pay_1", CancelPayment(payment_id="pay_1", cancel_id="can_1"))
        unit.put(INSERT_INBOX, [("b", "3")])
        assert await unit.transaction.fetchval("SELECT count(*) FROM inbox") == 0
    assert await inbox(database) == [("a", "1"), ("a", "2"), ("b", "3")]
    assert await database.reads.fetchval("SELECT key FROM outbox") == "pay_1"


async def test_an_insert_and_a_delete_are_one_statement(database):
    async with database.begin() as unit:
        unit.put(INSERT_INBOX, [("a", "1"), ("a", "2")])
    async with database.begin() as unit:
        unit.put(FORGET, [("1",)])
        unit.put(INBOX_UNLESS_THERE, [("a", "2"), ("a", "3")])
    assert await inbox(database) == [("a", "2"), ("a", "3")]


async def test_what_one_write_returns_is_told_after_the_commit_whatever_else_is_written(database):
    counted = Write(
        "SELECT message_id, (SELECT count(*) FROM kept) AS number FROM asked ORDER BY 1",
        (tables.INBOX.c.message_id,),
        """asked AS (SELECT * FROM unnest({arrays}) AS asked ({names})), kept AS (
            INSERT INTO inbox (consumer, message_id) SELECT 'c', message_id FROM asked RETURNING 1
        )""",
    )
    told = []
    async with database.begin() as unit:
        unit.put(counted, [("1",), ("2",)], told.extend)
        unit.put(FORGET, [("3",)])
        unit.send(PAYMENT_COMMANDS, "pay_1", CancelPayment(payment_id="pay_1", cancel_id="can_1"))
        assert told == []
    assert [tuple(row.values()) for row in told] == [("1", 2), ("2", 2)]
    assert await inbox(database) == [("c", "1"), ("c", "2")]
    assert await database.reads.fetchval("SELECT count(*) FROM outbox") == 1


async def test_nothing_is_told_of_a_unit_that_fails(database):
    told = []
    with pytest.raises(UniqueViolationError):
        async with database.begin() as unit:
            unit.put(INSERT_INBOX, [("a", "1"), ("a", "1")], told.append)
    assert told == []


async def test_one_row_that_cannot_be_written_leaves_none_of_all(database):
    async with database.begin() as unit:
        unit.put(INSERT_INBOX, [("a", "1")])
    with pytest.raises(UniqueViolationError):
        async with database.begin() as unit:
            unit.put(INSERT_INBOX, [("a", "0"), ("a", "1")])
            unit.send(PAYMENT_COMMANDS, "pay_1", CancelPayment(payment_id="pay_1", cancel_id="can_1"))
    assert await inbox(database) == [("a", "1")]
    assert await database.reads.fetchval("SELECT count(*) FROM outbox") == 0


async def test_no_rows_are_no_statement(database):
    async with database.begin() as unit:
        unit.put(INSERT_INBOX, [])
        assert not unit.written()
