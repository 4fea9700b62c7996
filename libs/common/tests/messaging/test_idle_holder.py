"""A session that holds the relay's locks and does nothing, as a pooler keeps one whose client has left."""

import asyncpg
import pytest
from structlog.testing import capture_logs

from malipo.messaging import idle_holder
from malipo.messaging.idle_holder import IdleHolder
from malipo.messaging.relay import _LOCK
from malipo.messaging.runtime import Runtime
from malipo.messaging.unit_of_work import SHARDS
from malipo.platform.poolers import LOCK_CLASS
from malipo.platform.settings import ServiceSettings
from testkit.waiting import until

ALL = list(range(SHARDS))
_WAITING = """
INSERT INTO outbox (message_id, shard, topic, key, headers, payload, created_at)
SELECT 'msg_' || shard, shard, 'payments.commands.v1', 'pay', '{}', '', now() - interval '1 hour' FROM generate_series(0, 3) AS shard
"""


@pytest.fixture
async def holder(new_database):
    """A session of the service's own role that holds all of the relay's locks, and its URL."""
    url = new_database("orchestrator")
    session = await asyncpg.connect(url)
    assert len(await session.fetch(_LOCK, LOCK_CLASS, ALL)) == SHARDS
    yield session, url
    session.terminate()


@pytest.fixture
async def service(holder):
    connection = await asyncpg.connect(holder[1])
    yield connection
    connection.terminate()


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(idle_holder, "IDLE_SECONDS", 0)
    monkeypatch.setattr(idle_holder, "_LOOK_SECONDS", 0)


async def test_a_service_says_who_holds_its_locks_and_how_to_end_that_and_goes_on_once_it_is_done(
    stores, holder, service, at_once
):
    session, url = holder
    await service.execute(_WAITING)
    settings = ServiceSettings(database_url=url, kafka_bootstrap=stores.kafka, environment="test")
    runtime = Runtime("test", settings)
    with capture_logs() as lines:
        async with runtime.running():
            problem = await until(lambda: runtime.health.warnings().get("relay"), what="the problem")
            assert problem.startswith("rows wait in the outbox, and the relay's locks are held by session ")
            remedy = f"SELECT pg_terminate_backend({session.get_server_pid()})"
            assert problem.endswith(f"end it by {remedy}")
            await service.execute(remedy)
            await until(lambda: "relay" not in runtime.health.warnings(), what="it goes on")
            await until(lambda: is_empty(service), what="the rows are sent")
    told = [line["event"] for line in lines if line["event"].startswith("relay waits")]
    assert told == ["relay waits", "relay waits no longer"]


async def is_empty(service) -> bool:
    return not await service.fetchval("SELECT EXISTS (SELECT FROM outbox)")


async def test_of_another_roles_session_it_is_told_that_it_holds_the_locks(stores, holder, service, at_once):
    session, url = holder
    await session.fetch("SELECT pg_advisory_unlock_all()")
    await service.execute(_WAITING)
    administrator = await asyncpg.connect(f"{stores.databases.server}/{url.rpartition('/')[2]}")
    await administrator.fetch(_LOCK, LOCK_CLASS, ALL)
    looking = IdleHolder()
    await looking.look(service, ALL)
    assert f"held by session {administrator.get_server_pid()} of another role" in looking.problem
    await administrator.close()


async def test_who_was_asked_something_lately_is_a_relay_however_long_rows_wait(holder, service):
    await service.execute(_WAITING)
    looking = IdleHolder()
    await looking.look(service, ALL)
    assert looking.problem is None


async def test_while_no_row_waits_nobody_minds_who_holds_the_locks(holder, service, at_once):
    looking = IdleHolder()
    await looking.look(service, ALL)
    assert looking.problem is None
    await service.execute(_WAITING)
    await looking.look(service, ALL[:0])
    assert looking.problem is None
