"""Runs a service's ASGI application until it gets a signal to stop."""

import asyncio
import gc
import resource
from functools import partial
from socket import socket
from time import monotonic
from typing import Any, cast

import structlog
import uvicorn
import uvloop
from starlette.types import ASGIApp

from http_limits.connection import Connection, Door
from http_limits.limits import STOPPING, Limits

_log: structlog.stdlib.BoundLogger = structlog.get_logger()
_YOUNG_OBJECTS = 20_000
"""How many more objects than before there are when garbage is collected. Requests hold some dozens each, and leave none behind:
at Python's own 700 a burst of them was walked again and again, for a twentieth of the processor time, and nothing was found.
"""
_OTHER_FILES = 200  # connections to the stores, logs, libraries
_TICK_SECONDS = 0.1
_LOOK_SECONDS = 0.5  # whether a signal has come; uvicorn looks ten times a second, to date its headers, too
_TURNS = 3  # of the loop, in which what has come is read: a connection that looks idle may hold a request


class _Server(uvicorn.Server):
    """Serves on for a while once it is told to stop: whoever sends requests here does not know yet."""

    def __init__(self, config: uvicorn.Config, door: Door, drain_seconds: float) -> None:
        super().__init__(config)
        self._door = door
        self._drain_seconds = drain_seconds

    async def main_loop(self) -> None:
        while not await self.on_tick(0):  # noqa: ASYNC110 - a signal sets no event
            await asyncio.sleep(_LOOK_SECONDS)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        self.lifespan.state[STOPPING] = self._door.closing = True
        until = monotonic() + self._drain_seconds
        while monotonic() < until and not self.force_exit:  # noqa: ASYNC110 - uvicorn has no event for a second signal
            await asyncio.sleep(_TICK_SECONDS)
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        await super().shutdown(sockets)


def serve(app: ASGIApp, host: str, port: int, *, stop_seconds: float, limits: Limits, drain_seconds: float = 0) -> None:
    """Serve `app` within `limits` until SIGTERM or SIGINT.

    From then on requests carry `STOPPING` in their state, and each answer ends its connection. After `drain_seconds` no
    connection is accepted any more, those without a request are closed, and work in flight is finished, for
    `stop_seconds` at most.

    Collects no garbage of what was there before, and any after, also if collection was off until then.
    """
    door = Door(limits)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=cast("Any", partial(Connection, door)),  # what uvicorn calls for each connection
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=limits.idle_seconds,
        timeout_graceful_shutdown=int(stop_seconds),
    )
    _allow_files(limits.connections + _OTHER_FILES)
    gc.freeze()  # what was imported and built lives as long as the process: no collection need walk it
    gc.set_threshold(_YOUNG_OBJECTS)
    gc.enable()
    asyncio.run(_Server(config, door, drain_seconds).serve(), loop_factory=uvloop.new_event_loop)


def _allow_files(wanted: int) -> None:
    """Each connection is an open file, and many systems start a process with 1,024 although it may have more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most < wanted:
        _log.warning("fewer files than connections", files=most, wanted=wanted)
