"""Runs a service's ASGI application until it is told to stop."""

import asyncio
import gc

import uvicorn
import uvloop
from starlette.types import ASGIApp

from malipo.platform.settings import ServiceSettings


def serve(app: ASGIApp, settings: ServiceSettings) -> None:
    """Serve `app` on the settings' address; SIGTERM and SIGINT finish work in flight, then return."""
    config = uvicorn.Config(
        app,
        host=settings.http_host,
        port=settings.http_port,
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=int(settings.stop_seconds),
    )
    gc.collect()
    gc.freeze()  # what was imported and built lives as long as the process: no collection need walk it again
    asyncio.run(uvicorn.Server(config).serve(), loop_factory=uvloop.new_event_loop)
