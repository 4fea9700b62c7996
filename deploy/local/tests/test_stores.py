"""PostgreSQL, Redis and Kafka, the real ones."""

import asyncio
import os
import signal
import socket
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from malipo_local import Stack
from malipo_local.connection import connected
from malipo_local.services import Kind, names

pytestmark = pytest.mark.timeout(180)
STORES = names(Kind.STORE)


async def execute(url: str, *statements: str) -> None:
    async with connected(url) as connection:
        for statement in statements:
            await connection.execute(statement)


async def numbers(url: str) -> list[int]:
    async with connected(url) as connection:
        return [row["number"] for row in await connection.fetch("SELECT number FROM numbers ORDER BY number")]


async def send(bootstrap: str, topic: str, values: list[bytes]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, num_partitions=2, replication_factor=1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for value in values:
            await producer.send_and_wait(topic, value)


async def receive(bootstrap: str, topic: str, count: int) -> set[bytes]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    async with asyncio.timeout(20), consumer:
        return {(await consumer.getone()).value for _ in range(count)}


def redis(stack: Stack, *command: str) -> bytes:
    port = int(stack.redis_url.rsplit(":", 1)[1].split("/")[0])
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(" ".join(command).encode() + b"\r\n")
        return connection.recv(1000)


def test_stores_keep_what_they_were_given_from_one_up_to_the_next(folder: Path) -> None:
    home = folder / "home"
    with Stack(home, only=STORES, keep=True) as stack:
        url = stack.create_database("kept")
        asyncio.run(execute(url, "CREATE TABLE numbers (number int)", "INSERT INTO numbers VALUES (1), (2)"))
        asyncio.run(send(stack.kafka, "kept", [b"a", b"b"]))
        assert redis(stack, "SET", "kept", "yes") == b"+OK\r\n"
    with Stack(home, only=STORES, keep=True) as stack:
        assert stack.create_database("kept") == url
        assert asyncio.run(numbers(url)) == [1, 2]
        assert asyncio.run(receive(stack.kafka, "kept", 2)) == {b"a", b"b"}
        assert redis(stack, "GET", "kept") == b"$3\r\nyes\r\n"


def test_killed_stores_come_back_with_all_that_was_committed() -> None:
    with Stack(only=STORES) as stack:
        url = stack.create_database("kept")
        asyncio.run(execute(url, "CREATE TABLE numbers (number int)", "INSERT INTO numbers VALUES (1)"))
        asyncio.run(send(stack.kafka, "kept", [b"a"]))
        for name in ("postgres", "kafka"):
            stack.kill(name, signal.SIGKILL)
            stack.wait_ready(name, timeout=60)
        assert asyncio.run(numbers(url)) == [1]
        assert asyncio.run(receive(stack.kafka, "kept", 1)) == {b"a"}


def test_a_setting_of_a_store_is_an_option_of_its_server() -> None:
    settings = {"postgres": {"max_connections": "33"}, "redis": {"maxmemory": "77mb"}}
    with Stack(only={"postgres", "redis"}, settings=settings) as stack:

        async def max_connections() -> str:
            async with connected(stack.create_database("x")) as connection:
                return str(await connection.fetchval("SHOW max_connections"))

        assert asyncio.run(max_connections()) == "33"
        assert str(77 * 2**20).encode() in redis(stack, "CONFIG", "GET", "maxmemory")


def test_postgresql_16_is_there_too() -> None:
    with Stack(only={"postgres"}, settings={"postgres": {"VERSION": "16"}}) as stack:
        asyncio.run(execute(stack.create_database("x"), "CREATE TABLE numbers (number int)"))
        assert stack.rss()["postgres"] > 0


def test_a_home_after_a_power_cut_comes_up_again(folder: Path) -> None:
    home = folder / "home"
    with Stack(home, only=STORES, keep=True) as stack:
        url = stack.create_database("kept")
        asyncio.run(execute(url, "CREATE TABLE numbers (number int)", "INSERT INTO numbers VALUES (1)"))
    # What a power cut leaves: a process id that now belongs to another process, and a socket without a listener.
    (home / "postgres" / "postmaster.pid").write_text(f"{os.getppid()}\n{home}/postgres\n1\n1\n\n*\n1 1\nready\n")
    (home / "control-socket").write_text(str(home / "control.sock"))
    (home / "control.sock").touch()
    with Stack(home, only=STORES, keep=True):
        assert asyncio.run(numbers(url)) == [1]
