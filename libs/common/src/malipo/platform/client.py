"""The one way to make an HTTP client: httpx on aiohttp's transport, with limits, never inside a unit."""

import asyncio
import ssl
from collections.abc import Callable
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import version
from typing import Any, override

import aiohttp
import httpx
from aiohttp.client_proto import ResponseHandler
from httpx_aiohttp import AiohttpTransport

from malipo.platform.network import NetworkInUnit, in_unit

USER_AGENT = f"Malipo/{version('malipo')}"
"""The default User-Agent; a client may set a more exact one."""

_WITH_BODY = ("POST", "PUT", "PATCH")


class NoContentType(RuntimeError):
    """A request that may have a body was about to be sent without saying what it is. An empty one counts: aiohttp would
    call it octets, which a strict server refuses.
    """


class Answers(ResponseHandler):
    """One connection. It counts as broken once the server has said something unasked, as a 408 that ends an idle connection,
    or a second answer: aiohttp would take that for the answer to the next request, whoever's it is, and so on with all later ones.
    """

    @override
    def is_connected(self) -> bool:
        return super().is_connected() and not self.should_close


class _Response(aiohttp.ClientResponse):
    """A response without the words behind its status, which nobody reads: httpx-aiohttp 0.2 raises on some that are not UTF-8,
    and the status would be lost with them.
    """

    @override
    async def start(self, connection: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        await super().start(connection)
        self.reason = None
        return self


class Connector(aiohttp.TCPConnector):
    """Makes the connections of a client, each a `handler`."""

    handler: type[Answers] = Answers

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # pyright: ignore[reportUnknownMemberType] - an untyped option
        self._factory = partial(self.handler, loop=asyncio.get_running_loop())


def http_client(
    *,
    timeout_seconds: float,
    connect_seconds: float = 5,
    connections: int = 200,
    keep_alive: bool = True,
    connector: Callable[[], Connector] | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    base_url: str = "",
    around: Callable[[httpx.AsyncBaseTransport], httpx.AsyncBaseTransport] = lambda inner: inner,
) -> httpx.AsyncClient:
    """A client that follows no redirect, keeps no cookie, and reads no proxy from the environment.

    Without `keep_alive` each request has a connection of its own: the other side may close a kept one as a request begins,
    and what must never be sent twice would be a doubt for nothing.

    aiohttp's transport costs a fifth of httpx's own in CPU. `connector`, called once within the event loop, makes the
    connections in its own way, up to its own limit. `transport` replaces the network in tests; `around` gives what stands
    around it, to look on. A request raises `NetworkInUnit`, and on the network `NoContentType`, both bugs of ours, before
    anything is sent.
    """
    client = httpx.AsyncClient(
        transport=around(
            transport or _transport(connector or partial(Connector, limit=connections, force_close=not keep_alive))
        ),
        timeout=httpx.Timeout(timeout_seconds, connect=connect_seconds),
        follow_redirects=False,
        trust_env=False,
        base_url=base_url,
        headers={"User-Agent": USER_AGENT},
        event_hooks={"request": [_refuse_in_unit]},
    )
    # One client serves many merchants: none may see another's cookies, and no server may fill our memory with them.
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return client


def never_sent(error: httpx.HTTPError) -> bool:
    """Whether the request certainly did not reach the other side: no connection was made.

    httpx-aiohttp 0.2 reports a connection that broke *after* sending as `httpx.ConnectTimeout`, so the type of the
    httpx error is no proof; aiohttp's own error beneath it is.
    """
    cause = error.__cause__
    if cause is None:
        return isinstance(error, httpx.ConnectError)
    return isinstance(cause, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)


def _transport(connector: Callable[[], Connector]) -> httpx.AsyncBaseTransport:
    def session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=connector(), cookie_jar=aiohttp.DummyCookieJar(), response_class=_Response
        )

    # Else httpx reads all authorities for a context that no connection uses: the session's has aiohttp's own.
    return _Network(client=session, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


class _Network(AiohttpTransport):
    """aiohttp's transport, which is left to make up nothing of its own."""

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method in _WITH_BODY and "content-type" not in request.headers:
            raise NoContentType(request.method, request.url.path)
        return await super().handle_async_request(request)


async def _refuse_in_unit(request: httpx.Request) -> None:
    if in_unit.get():
        raise NetworkInUnit(str(request.url))
