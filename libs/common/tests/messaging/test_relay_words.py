"""What the relay's log says when a store goes: what happened, in words, and no name of a class."""

import asyncio
import re

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError
from structlog.testing import capture_logs

from malipo.messaging.pool import DatabaseNotReady
from malipo.messaging.relay import Relay
from malipo.messaging.security import KafkaAccess
from testkit.waiting import until


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (DatabaseNotReady(), "PostgreSQL has ended the session"),
        (KafkaConnectionError("Unable to bootstrap"), "Kafka is away or refuses: Unable to bootstrap"),
        (KafkaTimeoutError(), "Kafka is away or refuses"),
        (ConnectionRefusedError(111, "Connect call failed"), "PostgreSQL is away: [Errno 111] Connect call failed"),
    ],
)
async def test_an_interrupted_relay_names_what_happened(monkeypatch, error, told):
    async def fail(*_):
        raise error

    monkeypatch.setattr("malipo.messaging.relay.started", fail)
    with capture_logs() as lines:
        relaying = asyncio.create_task(Relay("postgresql://", KafkaAccess("127.0.0.1:1"), "test").run())
        await until(lambda: lines)
        relaying.cancel()
    assert lines[0]["error"].startswith(told)
    assert not re.search(r"\w(Error|NotReady)\b", lines[0]["error"])
