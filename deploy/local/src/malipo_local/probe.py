"""Probes whether a server is ready to work, in as few bytes as its protocol allows."""

import asyncio
import contextlib
import ssl
import struct
from pathlib import Path

from malipo_local.ports import HOST

_PATIENCE_SECONDS = 2.0


async def http_answers(port: int, path: str) -> bool:
    """Whether GET `path` answers 200."""
    request = f"GET {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: close\r\n\r\n"
    answer = await _ask(port, request.encode(), 12)
    return answer[9:12] == b"200"


async def redis_answers(port: int, authority: Path | None = None, password: str = "") -> bool:
    """Whether Redis has loaded its data and answers a ping; one that speaks TLS is trusted for this authority's sake."""
    if authority is None:
        return await _ask(port, b"PING\r\n", 5) == b"+PONG"
    login = f"AUTH {password}\r\nPING\r\n".encode()
    return await _ask(port, login, 10, ssl.create_default_context(cafile=authority)) == b"+OK\r\n+PONG"


async def kafka_answers(port: int) -> bool:
    """Whether the broker has joined its cluster: its metadata names at least one broker."""
    # Metadata request, version 1: api key 3, correlation 1, no client id, no topics.
    request = struct.pack(">hhihi", 3, 1, 1, -1, 0)
    answer = await _ask(port, struct.pack(">i", len(request)) + request, 12)
    return len(answer) == 12 and struct.unpack(">iii", answer)[2] > 0


async def _ask(port: int, request: bytes, length: int, secure: ssl.SSLContext | None = None) -> bytes:
    with contextlib.suppress(OSError, EOFError, TimeoutError):
        async with asyncio.timeout(_PATIENCE_SECONDS):
            reader, writer = await asyncio.open_connection(HOST, port, ssl=secure)
            try:
                writer.write(request)
                return await reader.readexactly(length)
            finally:
                writer.close()
    return b""
