"""What the relay's log says when a store goes: what happened, in words, and no name of a class."""

import asyncio
import re

import asyncpg
import pytest
from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError
from structlog.testing import capture_logs

from malipo.messaging import relay as relay_module
from malipo.messaging.pool import DatabaseNotReady
from malipo.messaging.reach import Reach
from malipo.messaging.relay import Relay
from malipo.messaging.security import KafkaAccess
from testkit.waiting import until

NOWHERE = KafkaAccess("127.0.0.1:1")


@pytest.fixture
async def starting(monkeypatch):
    """A relay whose session fails with an error for ever, and its tries."""
    tasks, tries = [], []
    monkeypatch.setattr(relay_module, "_AWAY_SECONDS", 0.01)

    async def begin(error: Exception, reach: Reach | None = None) -> tuple[Relay, list[None]]:
        async def fail(start):
            start.__self__._closed = True  # nothing was started that could be stopped
            tries.append(None)
            raise error

        monkeypatch.setattr(relay_module, "started", fail)
        relay = Relay("postgresql://", NOWHERE, "test", reach)
        tasks.append(asyncio.create_task(relay.run()))
        return relay, tries

    yield begin
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (DatabaseNotReady(), "PostgreSQL has ended the session"),
        (KafkaError("Unable to decode"), "Kafka is away or refuses: Unable to decode"),
        (KafkaTimeoutError(), "Kafka is away or refuses"),
        (ConnectionRefusedError(111, "Connect call failed"), "PostgreSQL is away: [Errno 111] Connect call failed"),
        (asyncpg.InvalidPasswordError("no such role"), "PostgreSQL refuses: no such role"),
    ],
)
async def test_an_interrupted_relay_names_what_happened_once(starting, error, told):
    relay, tries = await starting(error)
    with capture_logs() as lines:
        await until(lambda: tries.count(None) >= 3, what="it has tried again and again")
        assert relay.problem.startswith(told)
    assert [line["event"] for line in lines] == ["relay interrupted"]
    assert lines[0]["error"] == relay.problem
    assert not re.search(r"\w(Error|NotReady)\b", relay.problem)


async def test_a_relay_that_reaches_no_broker_leaves_that_to_be_told_by_the_process(starting):
    reach = Reach(NOWHERE)
    with capture_logs() as lines:
        relay, tries = await starting(KafkaConnectionError("Unable to bootstrap"), reach)
        await until(lambda: tries.count(None) >= 3, what="it has tried again and again")
    assert (relay.problem, reach.problem) == (None, "Kafka away: no broker answers at 127.0.0.1:1")
    assert [line["event"] for line in lines] == ["kafka away"]
