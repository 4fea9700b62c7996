"""How PostgreSQL is asked to plan what is asked often.

It plans a statement once a session, by what it knew of the tables that day, and anew only when a table was analyzed.
"""

import asyncpg
import pytest

from malipo.messaging import database, relay
from malipo.messaging.pool import create_pool
from malipo.messaging.relay import session


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


async def test_a_relay_does_not_read_all_of_an_outbox_that_was_empty_when_it_began(url):
    async with session(url) as connection:
        plan = await connection.fetch(f"EXPLAIN {relay._DELETE_AND_NEXT}", [0, 1], 200, [], [1, 2], [1, 2])
    assert not reads_all(plan)
