"""What a client of ours says on the wire, to a server that takes down what it hears."""

import asyncio
from contextlib import suppress

import pytest

from malipo.platform.client import USER_AGENT, NoContentType, http_client

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def wire():
    """A server's address, and the head of each request that came there, in lower case."""
    heads: list[str] = []

    async def answer(reader, writer) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode().lower())
        writer.write(_OK)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heads


@pytest.mark.parametrize("body", [{"data": {}}, {"data": {"a": "b"}}, {"content": b""}])
async def test_a_form_goes_out_as_one_also_when_there_is_nothing_in_it(wire, body):
    address, heads = wire
    async with http_client(timeout_seconds=5) as http:
        await http.post(address, headers=FORM, **body)
    (head,) = heads
    assert "\r\ncontent-type: application/x-www-form-urlencoded\r\n" in head
    assert head.count("content-type") == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_a_request_that_does_not_say_what_its_body_is_never_leaves(wire, method):
    address, heads = wire
    async with http_client(timeout_seconds=5) as http:
        with pytest.raises(NoContentType):
            await http.request(method, address, data={})
        await http.get(address)
    assert [head[:4] for head in heads] == ["get "]


async def test_a_request_says_that_it_is_malipos(wire):
    address, heads = wire
    async with http_client(timeout_seconds=5) as http:
        await http.get(address)
    assert f"\r\nuser-agent: {USER_AGENT.lower()}\r\n" in heads[0]
    assert USER_AGENT.startswith("Malipo/")


@pytest.mark.parametrize(("keep_alive", "connections"), [(True, 1), (False, 2)])
async def test_without_keep_alive_each_request_has_a_connection_of_its_own(keep_alive, connections):
    made: list[object] = []

    async def answer(reader, writer) -> None:
        made.append(writer)
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async def quietly(reader, writer) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await answer(reader, writer)
        writer.close()

    server = await asyncio.start_server(quietly, "127.0.0.1", 0)
    async with server, http_client(timeout_seconds=5, keep_alive=keep_alive) as http:
        for _ in range(2):
            await http.get(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        assert len(made) == connections
