"""What a client of ours says on the wire, to a server that takes down what it hears."""

import asyncio
from contextlib import closing, suppress
from functools import partial
from operator import contains

import pytest

from malipo.platform.client import USER_AGENT, Answers, Connector, NoContentType, http_client
from testkit.waiting import until

EMPTY = b"HTTP/1.1 408 Request Time-out\r\nContent-Length: 0\r\n\r\n"
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


@pytest.mark.parametrize(
    "unasked", [EMPTY, EMPTY[:20], b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", b"\r\n", b"no HTTP"]
)
async def test_what_a_server_says_unasked_is_no_answer_to_the_next_request(unasked):
    heard = bytearray()

    class Hears(Answers):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            heard.extend(data)

    class Listens(Connector):
        handler = Hears

    async def answer(reader, writer) -> None:
        with closing(writer), suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split()[1]
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(path), path))
                await until(partial(contains, heard, path), seconds=5)
                writer.write(unasked)

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, http_client(timeout_seconds=5, connector=Listens) as http:
        for path in ("/first", "/second", "/third"):
            assert (await http.get(f"{address}{path}")).text == path
            await until(lambda: heard.endswith(unasked), seconds=5)
            heard.clear()


async def test_a_status_counts_whatever_words_in_whatever_encoding_stand_behind_it():
    async def answer(reader, writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 401 Refus\xe9\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, http_client(timeout_seconds=5) as http:
        response = await http.get(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    assert (response.status_code, response.content) == (401, b"{}")


async def test_no_cookie_is_sent_back_for_another_merchant_may_have_it():
    heads: list[str] = []

    async def answer(reader, writer) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode().lower())
        writer.write(_OK.replace(b"\r\n", b"\r\nSet-Cookie: session=of-one-merchant; Path=/\r\n", 1))
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, http_client(timeout_seconds=5) as http:
        for _ in range(2):
            await http.get(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        assert len(heads) == 2
        assert "\r\ncookie:" not in heads[1]
