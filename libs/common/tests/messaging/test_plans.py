"""How PostgreSQL is asked to plan what is asked often.

It plans a statement once a session, by what it knew of the tables that day, and anew only when a table was analyzed.
"""

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


async def test_what_was_applied_is_looked_for_in_the_months_of_the_messages_alone(url):
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        await connection.execute(f"PREPARE known (text, text[]) AS {database._KNOWN}")
        wanted = ", ".join(f"'{ids.new('msg')}'" for _ in range(3))
        plan = await connection.fetch(f"EXPLAIN EXECUTE known ('orchestrator.payments', ARRAY[{wanted}])")
    finally:
        await connection.close()
    looked_into = [line["QUERY PLAN"] for line in plan if " on inbox_" in line["QUERY PLAN"]]
    assert len(looked_into) == 1
    assert f"inbox_{clock.now():%Y_%m}" in looked_into[0]


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
