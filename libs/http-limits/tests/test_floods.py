"""A client that floods one connection of the HTTP server neither delays the others nor fills the machine's memory."""

import asyncio
import socket
import statistics
import time
from contextlib import suppress
from typing import Any

import pytest

HEAD = b"GET / HTTP/1.1\r\nHost: malipo\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: malipo\r\nTransfer-Encoding: chunked\r\n\r\n"
MEGABYTE = b"a" * 1_000_000
MOST_MB = 20
"""One connection may use so much; each kept some hundred KB, and without a limit it was 500 MB in half a minute."""


async def endless_header(service: Any) -> None:
    client = await service.connect()
    await client.send(HEAD + b"X-Long: ")
    for _ in range(60):
        await client.send(MEGABYTE)


async def endless_target(service: Any) -> None:
    client = await service.connect()
    await client.send(b"GET /")
    for _ in range(60):
        await client.send(MEGABYTE)


async def endless_headers(service: Any) -> None:
    client = await service.connect()
    await client.send(HEAD)
    for _ in range(60):
        await client.send(b"a: b\r\n" * 150_000)


async def endless_trailer(service: Any) -> None:
    client = await service.connect()
    await client.send(CHUNKED + b"1\r\nx\r\n0\r\nX-Long: ")
    for _ in range(60):
        await client.send(MEGABYTE)


async def endless_chunk_extension(service: Any) -> None:
    client = await service.connect()
    await client.send(CHUNKED + b"1;x=")
    for _ in range(60):
        await client.send(MEGABYTE)


async def endless_empty_lines(service: Any) -> None:
    client = await service.connect()
    for _ in range(60):
        await client.send(b"\r\n" * 500_000)


async def small_chunks(service: Any) -> None:
    client = await service.connect()
    await client.send(CHUNKED)
    for _ in range(5):
        await client.send(b"1\r\nx\r\n" * 150_000)


async def many_pipelined(service: Any) -> None:
    client = await service.connect()
    for _ in range(5):
        await client.send((HEAD + b"\r\n") * 2000)


async def one_byte_a_packet(service: Any) -> None:
    clients = [await service.connect() for _ in range(20)]
    for client in clients:
        client.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in (HEAD + b"X-Long: " + b"a" * 2000)[:2000]:
        for client in clients:
            await client.send(bytes([byte]))
        await asyncio.sleep(0)  # the client that measures runs on this loop, too


async def idle_connections(service: Any) -> None:
    for _ in range(200):
        await service.connect()


FLOODS = [
    endless_header,
    endless_target,
    endless_headers,
    endless_trailer,
    endless_chunk_extension,
    endless_empty_lines,
    small_chunks,
    many_pipelined,
    one_byte_a_packet,
    idle_connections,
]


@pytest.mark.parametrize("flood", FLOODS, ids=lambda flood: flood.__name__)
async def test_a_client_that_floods_a_connection_does_not_delay_the_others(usual, flood: Any, record_property: Any):
    other = await usual.connect()
    assert (await other.request(HEAD + b"\r\n")).status == 200
    cpu, memory = usual.cpu_seconds(), usual.memory_mb()
    attack = asyncio.ensure_future(flood(usual))
    waits: list[float] = []
    while not attack.done() or len(waits) < 20:
        sent_at = time.perf_counter()
        assert (await other.request(HEAD + b"\r\n")).status == 200
        waits.append(time.perf_counter() - sent_at)
        await asyncio.sleep(0.005)
    with suppress(ConnectionError):
        await attack
    used = usual.cpu_seconds() - cpu
    longest, usually = max(waits), statistics.median(waits)
    record_property(
        "others waited", f"{longest * 1000:.1f} ms at most, median {usually * 1000:.1f} ms; CPU {used:.2f} s"
    )
    assert usually < 0.05
    assert longest < 1, "generous, for the machine may be busy with others: it was ten seconds"
    assert used < 3
    assert usual.memory_mb() - memory < MOST_MB


async def test_a_client_that_sends_requests_faster_than_it_reads_responses_does_not_fill_the_memory(usual):
    client = await usual.connect()
    assert (await client.request(HEAD + b"\r\n")).status == 200
    memory = usual.memory_mb()
    client.writer.write((HEAD + b"\r\n") * 40_000)
    for _ in range(2000):
        assert (await client.response()).status == 200
    assert usual.memory_mb() - memory < MOST_MB
