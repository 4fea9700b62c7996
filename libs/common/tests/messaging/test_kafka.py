"""Clients that are stopped while they start, and connections that the broker closes."""

import asyncio
import gc

import pytest
import uvloop
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import BrokerNotAvailableError, KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from malipo.messaging import provision
from malipo.messaging.kafka import started


async def test_a_start_that_is_cancelled_while_it_asks_for_the_cluster_leaves_no_connection_open(stores, monkeypatch):
    asked, answer, send = asyncio.Event(), asyncio.Event(), AIOKafkaConnection.send

    async def slowly(self, request, **options):
        if isinstance(request, MetadataRequest):
            asked.set()
            await answer.wait()
        return await send(self, request, **options)

    monkeypatch.setattr(AIOKafkaConnection, "send", slowly)
    producer = AIOKafkaProducer(bootstrap_servers=stores.kafka)
    starting = asyncio.create_task(started(producer.start))
    await asked.wait()
    starting.cancel()
    asyncio.get_running_loop().call_later(0.05, answer.set)
    with pytest.raises(asyncio.CancelledError):
        await starting
    await producer.stop()
    del producer, starting
    gc.collect()  # a connection that nobody closed says so now, and pytest makes an error of it


async def test_what_a_start_raises_is_raised():
    async def fail() -> None:
        raise ConnectionRefusedError

    with pytest.raises(ConnectionRefusedError):
        await started(fail)


def test_a_connection_that_the_broker_has_closed_is_a_kafka_error_also_on_uvloop(stores):
    host, _, port = stores.kafka.rpartition(":")

    async def send_after_the_end() -> None:
        connection = AIOKafkaConnection(host, int(port))
        await connection.connect()
        connection._writer.transport.abort()
        await asyncio.sleep(0)
        with pytest.raises(KafkaConnectionError):
            await connection.send(MetadataRequest([]))
        assert not connection.connected()

    uvloop.run(send_after_the_end())


async def test_while_a_cluster_has_no_controller_whoever_wants_one_may_try_again(stores, monkeypatch):
    admin = AIOKafkaAdminClient(bootstrap_servers=stores.kafka)
    await admin.start()
    try:
        monkeypatch.setattr(admin._client.cluster, "controller", None)
        monkeypatch.setattr(admin._client, "force_metadata_update", nothing_new)
        with pytest.raises(BrokerNotAvailableError, match="no controller"):
            await provision._provision(admin, 1)
    finally:
        await admin.close()


async def nothing_new() -> None:
    """What the cluster tells of itself, while it elects."""
