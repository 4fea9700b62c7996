"""Runs an app under uvicorn, with the one thing uvicorn lacks: dropping a client's connection without a response."""

import socket
import struct
import sys
from collections.abc import Callable
from typing import override

import httpx
import uvicorn
from starlette.types import ASGIApp, Receive, Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

EXTENSION = "malipo_simulators.hang_up"
# Zero seconds of linger makes the kernel send RST instead of FIN.
LINGER_ZERO = struct.pack("ii", 1, 0)


class HangUpProtocol(HttpToolsProtocol):
    """uvicorn's protocol, offering each request a way to drop its own connection."""

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        extensions: dict[str, object] = {EXTENSION: self._hang_up}
        self.scope["extensions"] = extensions  # pyright: ignore[reportGeneralTypeIssues] (ours, beside the standard ones)

    def _hang_up(self, *, reset: bool) -> None:
        if reset:
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
        self.transport.abort()


async def hang_up(scope: Scope, receive: Receive, *, reset: bool) -> None:
    """Drop the client's connection without a response: RST when `reset`, else a plain close.

    Without a real connection (httpx.ASGITransport) it raises what httpx raises for the same event.
    """
    drop: Callable[..., None] | None = scope.get("extensions", {}).get(EXTENSION)
    if drop is None:
        raise (httpx.ReadError if reset else httpx.RemoteProtocolError)("the simulator hung up")
    drop(reset=reset)
    await wait_for_disconnect(receive)


async def wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def serve_app(app: ASGIApp, *, host: str, port: int, note: str) -> None:
    """Listen until SIGTERM or SIGINT. The first line on stdout names the real address."""
    listener = socket.create_server((host, port), backlog=2048, reuse_port=False)
    bound = listener.getsockname()[1]
    sys.stdout.write(f"{note}: http://{host}:{bound} (control routes: /docs)\n")
    sys.stdout.flush()
    make_server(app).run(sockets=[listener])


def make_server(app: ASGIApp) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        http=HangUpProtocol,
        loop="uvloop",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=2,
    )
    return uvicorn.Server(config)
