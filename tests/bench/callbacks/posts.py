"""Posts over a few connections that are kept, as cheaply as Python can: the generator shares the machine with what it measures."""

import asyncio
import re
from collections.abc import Mapping
from typing import cast
from urllib.parse import urlsplit

_HEAD_ENDS = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
_STATUS = slice(9, 12)

Answer = tuple[int, bytes]
"""Status and body."""


class Posts:
    """Posts to one address over at most so many connections; who finds none free waits for one, the first the first."""

    def __init__(self, url: str, connections: int, timeout_seconds: float) -> None:
        parts = urlsplit(url)
        self._place = parts.hostname or "", parts.port or 80
        self._timeout_seconds = timeout_seconds
        self._head = f"POST {parts.path} HTTP/1.1\r\nhost: {parts.netloc}\r\ncontent-type: application/json\r\n"
        self._turns = asyncio.Semaphore(connections)
        self._idle: list[_Connection] = []

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """What was answered. Raises `OSError` when no answer came in time, counted from when there was a free connection: else what
        has waited for one would be given up as soon as it is sent, one after the other, and nothing would be answered any more.
        """
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        request = f"{self._head}content-length: {len(body)}\r\n{lines}\r\n".encode() + body
        async with self._turns, asyncio.timeout(self._timeout_seconds):
            connection = await self._connection()
            try:
                answer = await connection.exchange(request)
            except BaseException:
                connection.close()
                raise
            self._idle.append(connection)
            return answer

    def close(self) -> None:
        """Hang up."""
        for connection in self._idle:
            connection.close()

    async def _connection(self) -> "_Connection":
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed:
                return connection
        _, connection = await asyncio.get_running_loop().create_connection(_Connection, *self._place)
        return connection


class _Connection(asyncio.Protocol):
    """One exchange at a time. An answer has its `Content-Length`, as every answer of our services has."""

    def __init__(self) -> None:
        self.closed = False
        self._transport: asyncio.Transport
        self._received = b""
        self._answer: asyncio.Future[Answer] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def exchange(self, request: bytes) -> "asyncio.Future[Answer]":
        """The answer to this request."""
        self._received, self._answer = b"", asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(_HEAD_ENDS)
        length = _LENGTH.search(head)
        if not found or self._answer is None or self._answer.done():
            return
        if length is None:
            self.close()
        elif len(body) >= int(length[1]):
            if _CLOSES.search(head):
                self.close()
            self._answer.set_result((int(head[_STATUS]), body))

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError())

    def close(self) -> None:
        """Hang up."""
        self.closed = True
        self._transport.close()
