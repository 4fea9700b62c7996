"""Webhooks on the wire: kept connections, refused ones, receivers that answer oddly or not at all."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from malipo_simulators.kit.webhooks.posting import DeliveryFailed, WirePoster

pytestmark = pytest.mark.asyncio

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Listener:
    """Answers every request with the next of the given byte strings; None means silence, b"" a dropped connection."""

    def __init__(self, answers):
        self.answers = list(answers)
        self.connections = 0
        self.requests = []
        self._writers = []

    async def serve(self, reader, writer):
        self.connections += 1
        self._writers.append(writer)
        while self.answers:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                break
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            self.requests.append(head + await reader.readexactly(length))
            answer = self.answers.pop(0)
            if answer is None:
                await reader.read()
                break
            if not answer:
                break
            writer.write(answer)
        writer.close()


@asynccontextmanager
async def listening(*answers):
    listener = Listener(answers)
    server = await asyncio.start_server(listener.serve, "127.0.0.1", 0)
    poster = WirePoster(timeout_seconds=0.3)
    try:
        yield listener, poster, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook?shop=1"
    finally:
        await poster.close()
        server.close()
        await server.wait_closed()


async def test_one_connection_carries_many():
    async with listening(OK, OK, OK) as (listener, poster, url):
        assert [await poster.post(url, b"body", {"x-a": "b"}) for _ in range(3)] == [200, 200, 200]
    assert listener.connections == 1
    assert listener.requests[0].startswith(b"POST /hook?shop=1 HTTP/1.1\r\n")
    assert listener.requests[0].endswith(b"x-a: b\r\n\r\nbody")


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204),
        (b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n", 500),
        (b"HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n", 302),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", 200),
    ],
)
async def test_the_status_is_what_counts(answer, status):
    async with listening(answer) as (_, poster, url):
        assert await poster.post(url, b"", {}) == status


async def test_where_the_receivers_word_decides_its_body_comes_too_but_not_an_endless_one():
    endless = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 64_001
    async with listening(OK, endless) as (_, poster, url):
        reply = await poster.ask(url, b"{}", {})
        assert (reply.status, reply.body) == (200, b"ok")
        with pytest.raises(DeliveryFailed):
            await poster.ask(url, b"{}", {})


@pytest.mark.parametrize("answer", [b"", None, b"SSH-2.0-not-http\r\n\r\n"])
async def test_a_response_that_cannot_be_understood_is_a_failed_delivery_and_the_next_one_works(answer):
    async with listening(answer, OK) as (listener, poster, url):
        with pytest.raises(DeliveryFailed):
            await poster.post(url, b"", {})
        assert await poster.post(url, b"", {}) == 200
    assert listener.connections == 2


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "https://127.0.0.1:1/", "http://", "http://[", "http://a b/"])
async def test_a_receiver_that_cannot_be_reached_is_a_failed_delivery(url):
    poster = WirePoster(timeout_seconds=0.5)
    with pytest.raises(DeliveryFailed):
        await poster.post(url, b"", {})
    await poster.close()
