"""Runs a service's ASGI application until it gets a signal to stop."""

import asyncio
import gc
import resource
from functools import partial
from typing import Any, cast

import structlog
import uvicorn
import uvloop
from starlette.types import ASGIApp

from http_limits.connection import Connection, Door
from http_limits.limits import Limits

_log: structlog.stdlib.BoundLogger = structlog.get_logger()
_YOUNG_OBJECTS = 20_000
"""How many more objects than before there are when garbage is collected. Requests hold some dozens each, and leave none behind:
at Python's own 700 a burst of them was walked again and again, for a twentieth of the processor time, and nothing was found.
"""
_OTHER_FILES = 200  # connections to the stores, logs, libraries


def serve(app: ASGIApp, host: str, port: int, *, stop_seconds: float, limits: Limits) -> None:
    """Serve `app` within `limits`; SIGTERM and SIGINT finish work in flight, for `stop_seconds` at most, then return.

    Collects no garbage of what was there before, and any after, also if collection was off until then.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=cast("Any", partial(Connection, Door(limits))),  # what uvicorn calls for each connection
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
    asyncio.run(uvicorn.Server(config).serve(), loop_factory=uvloop.new_event_loop)


def _allow_files(wanted: int) -> None:
    """Each connection is an open file, and many systems start a process with 1,024 although it may have more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most < wanted:
        _log.warning("fewer files than connections", files=most, wanted=wanted)
