"""Runs an app under uvicorn, with what uvicorn lacks: dropping a connection without a response, a second port with TLS, its peer."""

import asyncio
import socket
import struct
import sys
from collections.abc import Callable
from functools import partial
from typing import override

import httpx
import uvicorn
from starlette.types import ASGIApp, Receive, Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from malipo_simulators.kit.tls import peer
from malipo_simulators.kit.tls.listening import SecureListener

EXTENSION = "malipo_simulators.hang_up"
# Zero seconds of linger makes the kernel send RST instead of FIN.
LINGER_ZERO = struct.pack("ii", 1, 0)
# How long a client may take to end TLS with us: not as long as the server waits for connections when it stops.
FAREWELL_SECONDS = 1.0


class SimulatorProtocol(HttpToolsProtocol):
    """uvicorn's protocol, offering each request a way to drop its own connection, and telling who is at its other end."""

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] (as uvicorn's)
        super().connection_made(transport)
        self._tls = peer.describe_tls(transport)

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        extensions: dict[str, object] = {EXTENSION: self._hang_up}
        if self._tls is not None:
            extensions[peer.EXTENSION] = self._tls
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


class SimulatorServer(uvicorn.Server):
    """uvicorn's server, which listens in the clear; with `secure` on one more socket, with TLS."""

    def __init__(self, config: uvicorn.Config, secure: SecureListener | None) -> None:
        super().__init__(config)
        self._secure = secure

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._secure is not None:
            protocol = partial(
                SimulatorProtocol, config=self.config, server_state=self.server_state, app_state=self.lifespan.state
            )
            loop = asyncio.get_running_loop()
            server = await loop.create_server(
                protocol,
                sock=self._secure.socket,
                ssl=self._secure.context,
                ssl_shutdown_timeout=FAREWELL_SECONDS,
            )
            self.servers.append(server)

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        if self._secure is not None:
            self._secure.socket.close()


def serve_app(app: ASGIApp, *, host: str, port: int, note: str, secure: SecureListener | None = None) -> None:
    """Listen until SIGTERM or SIGINT. The first line on stdout names the real addresses, that in the clear first."""
    listener = socket.create_server((host, port), backlog=2048, reuse_port=False)
    bound = listener.getsockname()[1]
    too = f", with TLS https://{host}:{secure.port}" if secure else ""
    sys.stdout.write(f"{note}: http://{host}:{bound} (control routes: /docs){too}\n")
    sys.stdout.flush()
    make_server(app, secure).run(sockets=[listener])


def make_server(app: ASGIApp, secure: SecureListener | None = None) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        http=SimulatorProtocol,
        loop="uvloop",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=2,
    )
    return SimulatorServer(config, secure)
