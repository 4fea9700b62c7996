"""Runs a service's ASGI application until it is told to stop."""

import asyncio
import gc

import uvicorn
import uvloop
from starlette.types import ASGIApp


def serve(app: ASGIApp, host: str, port: int, *, stop_seconds: float) -> None:
    """Serve `app`; SIGTERM and SIGINT finish work in flight, for `stop_seconds` at most, then return."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=int(stop_seconds),
    )
    gc.collect()
    gc.freeze()  # what was imported and built lives as long as the process: no collection need walk it again
    asyncio.run(uvicorn.Server(config).serve(), loop_factory=uvloop.new_event_loop)
