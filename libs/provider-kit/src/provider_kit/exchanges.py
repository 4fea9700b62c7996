"""Keeps the HTTP requests of a block of code, and how they went: without query strings, headers and bodies."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import override

import aiohttp
import httpx

from malipo import clock
from malipo.contracts.outcomes import Exchange
from malipo.platform import tracing
from redaction.text import cleaned

MAX_EXCHANGES = 50
"""More than one operation or query ever takes; the first are kept."""

_recording: ContextVar[list[Exchange] | None] = ContextVar("exchanges", default=None)


@contextmanager
def recorded(*earlier: Exchange) -> Generator[None]:
    """Keep what this task exchanges while the block lasts, after `earlier`."""
    token = _recording.set(list(earlier))
    try:
        yield
    finally:
        _recording.reset(token)


def made() -> tuple[Exchange, ...]:
    """What was exchanged in this block so far, in the order in which it ended."""
    return tuple(_recording.get() or ())


class Recording(httpx.AsyncBaseTransport):
    """Another transport, whose exchanges are kept. `request_id_header` is the response's header with the request's id."""

    def __init__(self, inner: httpx.AsyncBaseTransport, request_id_header: str | None) -> None:
        self._inner = inner
        self._request_id_header = request_id_header

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        exchanges = _recording.get()
        if exchanges is None or len(exchanges) >= MAX_EXCHANGES:
            return await self._inner.handle_async_request(request)
        begun = _Begun(request)
        try:
            response = await self._inner.handle_async_request(request)
        except BaseException as error:
            _keep(begun.failed(error), exchanges)
            raise
        _keep(begun.answered(response, self._request_id_header), exchanges)
        return response

    @override
    async def aclose(self) -> None:
        await self._inner.aclose()


def _keep(exchange: Exchange, exchanges: list[Exchange]) -> None:
    exchanges.append(exchange)
    tracing.annotate(
        {
            "http.request.method": exchange.method,
            "url.path": exchange.path,
            "http.response.status_code": exchange.status,
        }
    )


class _Begun:
    """An exchange under way."""

    def __init__(self, request: httpx.Request) -> None:
        self._at = clock.now()
        self._started = clock.monotonic()
        self._method = request.method
        self._path = cleaned(request.url.path)

    def answered(self, response: httpx.Response, request_id_header: str | None) -> Exchange:
        request_id = response.headers.get(request_id_header) if request_id_header else None
        return self._ended(response.status_code, request_id, None)

    def failed(self, error: BaseException) -> Exchange:
        """Named by its kind: the text may quote an address or a header."""
        return self._ended(None, None, _error_name(error))

    def _ended(self, status: int | None, request_id: str | None, error: str | None) -> Exchange:
        return Exchange(
            at=self._at,
            method=self._method,
            path=self._path,
            status=status,
            duration_ms=round((clock.monotonic() - self._started) * 1000),
            request_id=request_id,
            error=error,
        )


def _error_name(error: BaseException) -> str:
    """One of `EXCHANGE_ERRORS`. The transport's own error tells more than httpx's: see `client.never_sent`."""
    match error if isinstance(error, asyncio.CancelledError) else error.__cause__ or error:
        case asyncio.CancelledError():
            return "given_up"
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError() | httpx.ConnectError():
            return "no_connection"
        case TimeoutError() | httpx.TimeoutException():
            return "timeout"
        case aiohttp.ClientConnectionError() | aiohttp.ClientPayloadError() | OSError() | httpx.TransportError():
            return "connection_broken"
        case _:
            return "other"
