"""One address for all replicas of a service, as a Service of Kubernetes is: each connection goes to one that is ready."""

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from typing import NamedTuple, Self

import httpx

from malipo_local.ports import HOST, free_port

_LOOK_SECONDS = 0.25
_PATIENCE_SECONDS = 2.0
_PIECE = 64 * 1024


class Replica(NamedTuple):
    """Where one replica is called, and where it is asked whether it is ready."""

    port: int
    admin_port: int


class Balancer:
    """Hands connections on in a thread of its own, in turn, to the ports of the `replicas` that answer that they are ready.

    It learns four times a second who is ready, and tries the next one where nobody listens any more. A connection that breaks is
    its client's failure.
    """

    def __init__(self, replicas: Sequence[Replica]) -> None:
        self.replicas = list(replicas)
        """All of them. Assign to it when one comes or has gone."""
        self._port = free_port()
        self._ready: list[int] = []
        self._turn = count()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="balancer", daemon=True)
        self._stop = asyncio.Event()
        self._open: set[asyncio.StreamWriter] = set()
        self._has_looked = threading.Event()

    @property
    def url(self) -> str:
        """The address."""
        return f"http://{HOST}:{self._port}"

    def __enter__(self) -> Self:
        """Listen; returns after the first look."""
        self._thread.start()
        self._has_looked.wait(_PATIENCE_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._hand_on, HOST, self._port)
        looking = asyncio.create_task(self._look())
        await self._stop.wait()
        looking.cancel()
        server.close()
        for writer in self._open:
            writer.transport.abort()
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)

    async def _look(self) -> None:
        async with httpx.AsyncClient(timeout=_PATIENCE_SECONDS) as http:  # noqa: TID251 - it calls this machine alone
            while True:
                self._ready = [one.port for one in self.replicas if await _is_ready(http, one.admin_port)]
                self._has_looked.set()
                await asyncio.sleep(_LOOK_SECONDS)

    async def _hand_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            if inner := await self._connect():
                await asyncio.gather(_copy(reader, inner[1]), _copy(inner[0], writer))
        except OSError:
            writer.transport.abort()
        finally:
            self._open.remove(writer)
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """To the one whose turn it is, or to one behind it."""
        ready, turn = self._ready, next(self._turn)
        for place in range(len(ready)):
            with suppress(OSError):
                return await asyncio.open_connection(HOST, ready[(turn + place) % len(ready)])
        return None


async def _is_ready(http: httpx.AsyncClient, port: int) -> bool:  # noqa: TID251 - as above
    with suppress(httpx.HTTPError):
        return (await http.get(f"http://{HOST}:{port}/health/ready")).is_success
    return False


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """All that one side says, and that it says no more."""
    try:
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
    finally:
        writer.close()
