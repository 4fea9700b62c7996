"""Runs a service: its parts, and the ports at which it is reached, until it gets a signal to stop."""

import asyncio
import errno
import gc
import resource
import socket
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any, cast

import structlog
import uvicorn
import uvloop
from starlette.types import ASGIApp

from http_limits.connection import Connection, Door
from http_limits.limits import STOPPING, Limits

EXIT_NO_PORT = 78
"""EX_CONFIG of sysexits.h: what the settings say cannot be had here."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger()
_YOUNG_OBJECTS = 20_000
"""How many more objects than before there are when garbage is collected. Requests hold some dozens each, and leave none behind:
at Python's own 700 a burst of them was walked again and again, for a twentieth of the processor time, and nothing was found.
"""
_OTHER_FILES = 200  # connections to the stores, logs, libraries
_TICK_SECONDS = 0.1
_LOOK_SECONDS = 0.5  # whether a signal has come; uvicorn looks ten times a second, to date its headers, too
_TURNS = 3  # of the loop, in which what has come is read: a connection that looks idle may hold a request
_ADMIN_STOP_SECONDS = 1  # for who asks at the very end

type Running = Callable[[], AbstractAsyncContextManager[None]]
"""Runs what a service consists of beside its pages, while the block lasts."""


@dataclass(frozen=True)
class Port:
    """One port of a process: what is served there, to whom it listens, and how its settings begin, as `HTTP` of `HTTP_PORT`."""

    app: ASGIApp
    host: str
    number: int
    limits: Limits
    settings: str


class _Server(uvicorn.Server):
    """What listens at one port. It is the whole process' signal to stop that it gets, if it is the one that waits for that."""

    def __init__(self, port: Port, stop_seconds: float) -> None:
        self._door = Door(port.limits)
        self._listening = _bind(port)
        super().__init__(
            uvicorn.Config(
                port.app,
                http=cast("Any", partial(Connection, self._door)),  # what uvicorn calls for each connection
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                timeout_keep_alive=port.limits.idle_seconds,
                timeout_graceful_shutdown=int(stop_seconds),
            )
        )
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)

    async def listen(self) -> None:
        await self.startup(self._listening)

    async def until_told_to_stop(self) -> None:
        while not self.should_exit:  # noqa: ASYNC110 - a signal sets no event
            await asyncio.sleep(_LOOK_SECONDS)

    def say_that_it_stops(self) -> None:
        """From now on requests carry `STOPPING` in their state, and each answer ends its connection."""
        self.lifespan.state[STOPPING] = self._door.closing = True

    async def drain(self, seconds: float) -> None:
        """Serve on for a while: whoever sends requests here does not know yet."""
        until = monotonic() + seconds
        while monotonic() < until and not self.force_exit:  # noqa: ASYNC110 - uvicorn has no event for a second signal
            await asyncio.sleep(_TICK_SECONDS)

    async def end(self) -> None:
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        await self.shutdown(self._listening)


def serve(
    running: Running, *, admin: Port, public: Port | None = None, stop_seconds: float = 0, drain_seconds: float = 0
) -> None:
    """Run a service and serve its ports, each within its limits, until SIGTERM or SIGINT.

    The admin port is the first to answer and the last to end: it tells how the service is while that starts and stops. From the
    signal on requests carry `STOPPING` in their state, and each answer ends its connection. After `drain_seconds` the public port
    accepts no connection any more, those without a request are closed, and work in flight is finished, for `stop_seconds` at
    most; then the service itself stops. One that has no public port has nothing to drain.

    A port that cannot be had ends the process (exit code 78) with the setting's name.

    Collects no garbage of what was there before, and any after, also if collection was off until then.
    """
    told = _Server(admin, _ADMIN_STOP_SECONDS)
    called = _Server(public, stop_seconds) if public else None
    _allow_files(sum(port.limits.connections for port in (admin, public) if port) + _OTHER_FILES)
    gc.freeze()  # what was imported and built lives as long as the process: no collection need walk it
    gc.set_threshold(_YOUNG_OBJECTS)
    gc.enable()
    asyncio.run(_serve(running, told, called, drain_seconds), loop_factory=uvloop.new_event_loop)


async def _serve(running: Running, admin: _Server, public: _Server | None, drain_seconds: float) -> None:
    signalled = public or admin
    with signalled.capture_signals():
        async with _listening(admin), running():
            if public:
                await public.listen()
            await signalled.until_told_to_stop()
            admin.say_that_it_stops()
            if public:
                public.say_that_it_stops()
                await public.drain(drain_seconds)
                await public.end()


@asynccontextmanager
async def _listening(server: _Server) -> AsyncGenerator[None]:
    await server.listen()
    try:
        yield
    finally:
        await server.end()


def _bind(port: Port) -> list[socket.socket]:
    """A socket for each address that the host has. Who connects waits until the server is there: a moment."""
    try:
        found = socket.getaddrinfo(port.host, port.number, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        return [_bound(family, address) for family, _, _, _, address in dict.fromkeys(found)]
    except OSError as error:
        name, wrong = f"{port.settings}_HOST", error.strerror
        if error.errno in {errno.EADDRINUSE, errno.EACCES}:
            name = f"{port.settings}_PORT"
        if error.errno == errno.EADDRINUSE:
            wrong = "another process listens there; end that one, or choose another port"
        print(f"setting {name}: {port.host}, port {port.number}: {wrong}", file=sys.stderr)  # noqa: T201 - as of any bad setting
        sys.exit(EXIT_NO_PORT)


def _bound(family: int, address: Any) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    bound.bind(address)
    bound.listen()  # two that have bound one port learn only now that it is taken
    return bound


def _allow_files(wanted: int) -> None:
    """Each connection is an open file, and many systems start a process with 1,024 although it may have more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most < wanted:
        _log.warning("fewer files than connections", files=most, wanted=wanted)
