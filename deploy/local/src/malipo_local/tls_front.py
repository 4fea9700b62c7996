"""Speaks TLS for a server that cannot: keeps it on a socket that is a file, and passes on what comes to a port by TLS.

Run as `python -m malipo_local.tls_front PORT CERTIFICATE KEY SOCKET COMMAND...`. The server runs in the folder of the socket and may
call it by its name alone: the whole path may be too long for the kernel. It ends when the server does.
"""

import asyncio
import contextlib
import os
import signal
import ssl
import sys
from pathlib import Path

from malipo_local.ports import HOST
from malipo_local.process import guard

_BYTES = 1 << 16


async def front(port: int, context: ssl.SSLContext, socket: str, command: list[str]) -> int:
    """Run the server until it ends or this process is told to; returns its exit code."""
    server = await asyncio.create_subprocess_exec(*command, preexec_fn=guard(signal.SIGKILL, os.getpid()))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _stop, server)

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(OSError):
            inner_reader, inner_writer = await asyncio.open_unix_connection(socket)
            with contextlib.closing(inner_writer):
                await _both_ways((reader, inner_writer), (inner_reader, writer))

    async with await asyncio.start_server(pass_on, HOST, port, ssl=context):
        return await server.wait()


def _stop(server: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        server.terminate()


async def _both_ways(*ways: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
    """Until either side has no more to say: neither of these protocols goes on with half a connection."""
    copying = [asyncio.create_task(_copy(*way)) for way in ways]
    await asyncio.wait(copying, return_when=asyncio.FIRST_COMPLETED)
    for task in copying:
        task.cancel()
    await asyncio.gather(*copying, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_BYTES):
        writer.write(data)
        await writer.drain()


def main() -> int:
    """Read the command line and stand in front."""
    port, certificate, key, socket, *command = sys.argv[1:]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    os.chdir(Path(socket).parent)
    return asyncio.run(front(int(port), context, Path(socket).name, command))


if __name__ == "__main__":
    sys.exit(main())
