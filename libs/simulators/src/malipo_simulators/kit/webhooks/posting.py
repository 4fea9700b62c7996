"""Sends webhooks: lean keep-alive connections for http, httpx for https and for tests.

A simulator shares its machine with the system under test, so a delivery should cost next to nothing:
a bare connection takes about a tenth of the processor time of a full HTTP client.
"""

import asyncio
from dataclasses import dataclass
from typing import Protocol, cast, override
from urllib.parse import SplitResult, urlsplit

import httptools
import httpx

MAX_IDLE_CONNECTIONS = 64
HTTP_PORT = 80
MAX_REPLY_BYTES = 64_000


class DeliveryFailed(Exception):
    """No response that can be understood: refused, dropped, timed out, or not HTTP."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A receiver's whole response, where it decides something."""

    status: int
    body: bytes


class Poster(Protocol):
    """One POST. Redirects are not followed and no proxy is used. Raises DeliveryFailed and nothing else."""

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        """The status of the response."""
        ...

    async def ask(self, url: str, body: bytes, headers: dict[str, str]) -> Reply: ...

    async def close(self) -> None: ...


class HttpxPoster:
    """Posts over https, too; with a `transport` a test can be the receiver."""

    def __init__(self, timeout_seconds: float, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._client = httpx.AsyncClient(  # noqa: TID251 (the simulators stand alone: no malipo.platform here)
            timeout=timeout_seconds, trust_env=False, transport=transport
        )

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        return (await self.ask(url, body, headers)).status

    async def ask(self, url: str, body: bytes, headers: dict[str, str]) -> Reply:
        try:
            async with self._client.stream("POST", url, content=body, headers=headers) as response:
                return Reply(response.status_code, await read_reply(response))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise DeliveryFailed(f"{type(error).__name__}: {error}") from error

    async def close(self) -> None:
        await self._client.aclose()


async def read_reply(response: httpx.Response) -> bytes:
    """Its whole body. Raises DeliveryFailed if it is endless."""
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_REPLY_BYTES:
            raise DeliveryFailed(f"more than {MAX_REPLY_BYTES} bytes")
    return bytes(body)


class Connection(asyncio.Protocol):
    """One connection: a request goes out, the status comes back, and it may be used again."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[int] | None = None
        self._start_over()

    def _start_over(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._status: int | None = None
        self.reusable = False

    def ask(self, request: bytes) -> asyncio.Future[int]:
        self._start_over()
        self._answer = asyncio.get_running_loop().create_future()
        if self._transport is None or self._transport.is_closing():
            self._fail("connection closed")
        else:
            self._transport.write(request)
        return self._answer

    def drop(self) -> None:
        self.reusable = False
        if self._transport is not None:
            self._transport.abort()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods of asyncio.Transport but are no subclass of it.
        self._transport = cast("asyncio.Transport", transport)

    @override
    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"not HTTP: {error}")
            self.drop()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """Some servers end a body by closing; if the status had come, that is a response."""
        self.reusable = False
        if self._status is not None:
            self._succeed(self._status)
        else:
            self._fail(f"connection lost: {exc or 'closed by the receiver'}")

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()

    def on_message_complete(self) -> None:
        self.reusable = self._parser.should_keep_alive()
        if self._status is not None:
            self._succeed(self._status)

    def _succeed(self, status: int) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(status)

    def _fail(self, reason: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(DeliveryFailed(reason))


class WirePoster:
    """Plain http over kept connections; anything else is handed to httpx."""

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._idle: dict[tuple[str, int], list[Connection]] = {}
        self._secure = HttpxPoster(timeout_seconds)

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        try:
            parts = urlsplit(url)
            if parts.scheme != "http" or parts.username is not None:
                return await self._secure.post(url, body, headers)
            async with asyncio.timeout(self._timeout_seconds):
                return await self._ask(parts, write_request(parts, body, headers))
        except (OSError, TimeoutError, ValueError) as error:
            raise DeliveryFailed(f"{type(error).__name__}: {error}") from error

    async def ask(self, url: str, body: bytes, headers: dict[str, str]) -> Reply:
        return await self._secure.ask(url, body, headers)

    async def close(self) -> None:
        for connections in self._idle.values():
            for connection in connections:
                connection.drop()
        self._idle.clear()
        await self._secure.close()

    async def _ask(self, parts: SplitResult, request: bytes) -> int:
        place = (parts.hostname or "", parts.port or HTTP_PORT)
        connection = await self._connection(place)
        try:
            status = await connection.ask(request)
        except BaseException:
            connection.drop()
            raise
        self._keep(place, connection)
        return status

    async def _connection(self, place: tuple[str, int]) -> Connection:
        idle = self._idle.setdefault(place, [])
        while idle:
            connection = idle.pop()
            if connection.reusable:
                return connection
        _, connection = await asyncio.get_running_loop().create_connection(Connection, *place)
        return connection

    def _keep(self, place: tuple[str, int], connection: Connection) -> None:
        idle = self._idle.setdefault(place, [])
        if connection.reusable and len(idle) < MAX_IDLE_CONNECTIONS:
            idle.append(connection)
        else:
            connection.drop()


def write_request(parts: SplitResult, body: bytes, headers: dict[str, str]) -> bytes:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [f"POST {target} HTTP/1.1", f"Host: {parts.netloc}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
