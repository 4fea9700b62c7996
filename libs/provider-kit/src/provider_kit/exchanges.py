"""Keeps the HTTP requests of a block of code, and how they went: without query strings, headers, bodies and personal texts."""

import asyncio
import re
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import override

import aiohttp
import httpx

from malipo import clock
from malipo.contracts.outcomes import Exchange
from malipo.platform import tracing
from provider_kit.concealed import Concealed
from redaction.text import cleaned

MAX_EXCHANGES = 50
"""More than one operation or query ever takes; the first are kept."""
_ID = re.compile(r"[ -~]{1,200}")  # of a request; what is none is not kept, nor carried along in every report


@dataclass(slots=True)
class _Block:
    """What was exchanged in a block, and the personal texts that are shown nowhere in it."""

    exchanges: list[Exchange]
    concealed: Concealed = field(default_factory=Concealed)


_block: ContextVar[_Block | None] = ContextVar("exchanges", default=None)


@contextmanager
def recorded(*earlier: Exchange) -> Generator[None]:
    """Keep what this task exchanges while the block lasts, after `earlier`."""
    token = _block.set(_Block(list(earlier)))
    try:
        yield
    finally:
        _block.reset(token)


def made() -> tuple[Exchange, ...]:
    """What was exchanged in this block so far, in the order in which it ended."""
    block = _block.get()
    return tuple(block.exchanges) if block else ()


def conceal(personal: Iterable[str]) -> None:
    """From here to the end of the block show these texts nowhere: see `concealed`."""
    if block := _block.get():
        block.concealed = Concealed(personal)


def concealed() -> Concealed:
    """Takes this block's personal texts out of what is told of it."""
    block = _block.get()
    return block.concealed if block else Concealed()


class Recording(httpx.AsyncBaseTransport):
    """Another transport, whose exchanges are kept. `request_id_header` is the response's header with the request's id."""

    def __init__(self, inner: httpx.AsyncBaseTransport, request_id_header: str | None) -> None:
        self._inner = inner
        self._request_id_header = request_id_header

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        block = _block.get()
        if block is None or len(block.exchanges) >= MAX_EXCHANGES:
            return await self._inner.handle_async_request(request)
        begun, exchanges = _Begun(request, block.concealed), block.exchanges
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

    def __init__(self, request: httpx.Request, concealed: Concealed) -> None:
        self._at = clock.now()
        self._started = clock.monotonic()
        self._method = request.method
        self._concealed = concealed
        self._path = cleaned(concealed.without(request.url.path))

    def answered(self, response: httpx.Response, request_id_header: str | None) -> Exchange:
        request_id = response.headers.get(request_id_header) if request_id_header else None
        shown = self._concealed.without(request_id) if request_id and _ID.fullmatch(request_id) else None
        return self._ended(response.status_code, shown, None)

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
