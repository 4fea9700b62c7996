"""How PostgreSQL is asked to plan what is asked often.

It plans a statement once a session, by what it knew of the tables that day, and anew only when a table was analyzed.
"""

import re

import asyncpg
import pytest

from malipo import clock, ids
from malipo.messaging import database, relay
from malipo.messaging.pool import create_pool
from malipo.messaging.relay import session
from malipo.messaging.unit_of_work import INSERT_OUTBOX
from malipo.messaging.writes import statement


def reads_all(plan) -> bool:
    return any("Seq Scan" in line["QUERY PLAN"] for line in plan)


def looked_into(plan, table: str) -> set[str]:
    """The table's partitions that the plan reads."""
    return {part for line in plan for part in re.findall(rf"{table}_(?:\d+_\d+|[a-z]+)", line["QUERY PLAN"])}


@pytest.fixture
async def url(new_database):
    """A database whose tables PostgreSQL knows to be empty."""
    url = new_database("orchestrator")
    connection = await asyncpg.connect(url)
    await connection.execute("VACUUM ANALYZE inbox, outbox")
    await connection.close()
    return url


async def test_what_was_applied_is_not_looked_for_in_all_of_an_inbox_that_was_empty_when_the_service_began(url):
    pool = await create_pool(url, 2)
    try:
        async with pool.acquire() as connection:
            wanted = [f"msg_{number}" for number in range(50)]
            plan = await connection.fetch(f"EXPLAIN {database._KNOWN}", "orchestrator.payments", wanted)
    finally:
        pool.terminate()
    assert not reads_all(plan)


@pytest.mark.parametrize(
    ("message_ids", "part"),
    [
        ([ids.new("msg") for _ in range(3)], f"inbox_{clock.now():%Y_%m}"),
        (["cred_1/evt_1", "dlq:a:topic:1:2", "mer_1/test/default/txn_1"], "inbox_undated"),
    ],
    ids=["messages", "what tells no time"],
)
async def test_what_was_applied_is_looked_for_where_it_would_be_alone(url, message_ids, part):
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        await connection.execute(f"PREPARE known (text, text[]) AS {database._KNOWN}")
        wanted = ", ".join(f"'{message_id}'" for message_id in message_ids)
        plan = await connection.fetch(f"EXPLAIN EXECUTE known ('orchestrator.payments', ARRAY[{wanted}])")
    finally:
        await connection.close()
    assert looked_into(plan, "inbox") == {part}


@pytest.mark.parametrize(("service", "table"), [("orchestrator", "history"), ("gateway", "timeline")])
async def test_a_saved_methods_steps_are_looked_for_where_no_payments_are(new_database, service, table):
    connection = await asyncpg.connect(new_database(service))
    try:
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        await connection.execute(f"PREPARE steps (text) AS SELECT * FROM {table} WHERE payment_id = $1")
        plan = await connection.fetch(f"EXPLAIN EXECUTE steps ('{ids.new('pm')}')")
    finally:
        await connection.close()
    assert looked_into(plan, table) == {f"{table}_undated"}


async def test_a_relay_does_not_read_all_of_an_outbox_that_was_empty_when_it_began(url):
    async with session(url) as connection:
        plan = await connection.fetch(f"EXPLAIN {relay._DELETE_AND_NEXT}", [0, 1], 200, [], [1, 2], 7, [1, 2])
    assert not reads_all(plan)


async def test_whoever_sends_does_not_read_all_of_an_outbox_in_which_nothing_is_unknown(url):
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off")
        sending = statement((INSERT_OUTBOX,))
        await connection.execute(f"PREPARE sending AS {sending}")
        plan = await connection.fetch(
            "EXPLAIN EXECUTE sending (ARRAY[0], ARRAY[1], 7, ARRAY['msg_1'], ARRAY[0], ARRAY['topic'], ARRAY['key'],"
            " ARRAY['{}'::jsonb], ARRAY[''::bytea])"
        )
    finally:
        await connection.close()
    assert not reads_all(plan)
    assert any("Index Cond: (id >= $3)" in line["QUERY PLAN"] for line in plan)
    assert any("One-Time Filter: (cardinality($1) > 0)" in line["QUERY PLAN"] for line in plan)
