"""An app on a free port, where a test needs real connections."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import uvicorn

from testkit.waiting import until


@asynccontextmanager
async def serving(server: uvicorn.Server) -> AsyncGenerator[str]:
    """Run the server on the loopback, and yield its URL. Signals stay the test's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        task = asyncio.create_task(server._serve(sockets=[listener]))  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] (`serve` takes signals)
        await until(lambda: server.started, what="the server's start")
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task
