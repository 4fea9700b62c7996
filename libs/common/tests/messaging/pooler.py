"""A stand-in for a pooler such as PgBouncer, as far as its clients can tell it from PostgreSQL."""

import asyncio
import struct
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_PASSED_ON = {"user", "database", "client_encoding"}  # what PgBouncer takes at the start, of what asyncpg may send
_SSL_REQUEST = 80877103
_NOT_THE_SERVERS = 0x40000000  # what a client is told as the process of its session is the pooler's own number


@dataclass
class _Session:
    """A session of the server's, and what the server has said to whoever logged in to it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    greeting: bytes = b""


@dataclass
class Pooler:
    """Gives each client a session of the server's. One that `shares` keeps it as it is and gives it to the next client.

    A real one in transaction mode does so after each transaction, and what a client leaves behind is the same.
    """

    url: str
    _server: tuple[str, int]
    shares: bool
    _kept: defaultdict[bytes, list[_Session]] = field(default_factory=lambda: defaultdict(list))
    _opened: list[_Session] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError):
            if startup := await _begun(reader, writer):
                kept = self._kept[startup]
                session = kept.pop() if kept else await self._log_in(startup, reader, writer)
                writer.write(session.greeting)
                await _carry(session, reader, writer)
                if self.shares:
                    kept.append(session)
                else:
                    session.writer.close()
        writer.close()

    async def close(self) -> None:
        for session in self._opened:  # also those whose client went while it logged in
            session.writer.close()
        await asyncio.gather(*[session.writer.wait_closed() for session in self._opened], return_exceptions=True)

    async def _log_in(self, startup: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> _Session:
        session = _Session(*await asyncio.open_connection(*self._server))
        self._opened.append(session)
        session.writer.write(startup)
        asking = asyncio.create_task(_pass_on(reader, session.writer))
        while not session.greeting.endswith(b"Z\0\0\0\5I"):
            kind, body = await _message(session.reader)
            if kind == b"K":
                pid, secret = struct.unpack("!II", body)
                body = struct.pack("!II", pid ^ _NOT_THE_SERVERS, secret)
            if session.greeting or (kind, body) == (b"R", bytes(4)):
                session.greeting += _framed(kind, body)
            else:
                writer.write(_framed(kind, body))
        await _ended(asking)  # the client is waiting for the greeting
        return session


@asynccontextmanager
async def pooler(server_url: str, *, shares: bool) -> AsyncGenerator[Pooler]:
    """One on a free port, before this URL's server."""
    at = urlsplit(server_url)
    stand_in = Pooler("", (at.hostname, at.port), shares)
    async with await asyncio.start_server(stand_in.serve, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        stand_in.url = server_url.replace(f"@{at.hostname}:{at.port}", f"@127.0.0.1:{port}")
        yield stand_in
        await stand_in.close()


async def _begun(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes | None:
    """The client's first message, or none if it is refused for a parameter that is not passed on, as PgBouncer does."""
    while True:
        length = await reader.readexactly(4)
        body = await reader.readexactly(int.from_bytes(length) - 4)
        if int.from_bytes(body[:4]) != _SSL_REQUEST:
            break
        writer.write(b"N")
    names = {name.decode() for name in body[4:].split(b"\0")[:-2:2]}
    if names <= _PASSED_ON:
        return length + body
    text = f"unsupported startup parameter: {min(names - _PASSED_ON)}"
    writer.write(_framed(b"E", f"SFATAL\0C08P01\0M{text}\0\0".encode()))
    return None


async def _carry(session: _Session, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what both say, until the client says farewell or hangs up."""
    answering = asyncio.create_task(_pass_on(session.reader, writer))
    try:
        with suppress(EOFError):
            while (message := await _message(reader))[0] != b"X":
                session.writer.write(_framed(*message))
    finally:
        await _ended(answering)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readexactly(5)
    return head[:1], await reader.readexactly(int.from_bytes(head[1:]) - 4)


def _framed(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body
