"""The conversation between a caller and the supervisor: one line of JSON each way, over a unix socket."""

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, cast

from malipo_local.errors import StackError

type Response = dict[str, Any]
type Handler = Callable[[Mapping[str, Any]], Awaitable[Response]]

_PATIENCE_SECONDS = 60.0


def ask(path: Path, request: Mapping[str, Any]) -> Response:
    """Send one request and return the answer.

    Raises StackError with the supervisor's message, ConnectionError when no supervisor listens.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_PATIENCE_SECONDS)
        try:
            connection.connect(str(path))
        except FileNotFoundError as error:
            raise ConnectionError(path) from error
        connection.sendall(json.dumps(request).encode() + b"\n")
        line = connection.makefile("rb").readline()
    if not line:
        raise ConnectionResetError(path)
    answer = cast("Response", json.loads(line))
    if "error" in answer:
        raise StackError(answer["error"])
    return answer


async def listen(path: Path, handler: Handler) -> asyncio.Server:
    """Answer requests on `path`, which only this user may open."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            line = await reader.readline()
            if line:
                writer.write(json.dumps(await _answer(handler, line)).encode() + b"\n")
                await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(converse, path)
    os.chmod(path, 0o600)  # noqa: PTH101 (one system call; Path.chmod would have to be called off the loop)
    return server


async def _answer(handler: Handler, line: bytes) -> Response:
    try:
        return await handler(json.loads(line))
    except (StackError, KeyError, ValueError, OSError) as refusal:
        return {"error": str(refusal)}
