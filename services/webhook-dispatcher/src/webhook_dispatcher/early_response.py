"""Gives the sender an answer's bytes before aiohttp's parser judges them: it drops a status together with its body."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, override

from aiohttp.abc import AbstractResolver

from malipo.platform.client import Answers, Connector
from webhook_dispatcher.head import HEAD_BYTES, Head

_current: ContextVar["EarlyResponse | None"] = ContextVar("early_response", default=None)


class EarlyResponse:
    """What was received so far in one exchange."""

    def __init__(self) -> None:
        self.head = Head()
        self.early = False
        """Whether a status came before the request was sent: such a server has not read what we send."""
        self._on_status: Callable[[], None] = lambda: None
        self._transport: asyncio.WriteTransport | None = None

    def begin(self, transport: asyncio.WriteTransport) -> None:
        """The request is sent now, over this transport."""
        self._transport = transport

    def feed(self, data: bytes) -> None:
        """The answer's next bytes."""
        waiting = self.head.status is None
        self.head.feed(data)
        if waiting and self.head.status is not None:
            self.early = self._has_unsent()
            self._on_status()

    @contextmanager
    def under_way(self, on_status: Callable[[], None]) -> Generator[None]:
        """Receive the answer to the one request of this task in the block; `on_status` runs once it has a status."""
        self._on_status = on_status
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)
            self._on_status = lambda: None
            self._cut_what_is_unsent()

    def _has_unsent(self) -> bool:
        return self._transport is not None and self._transport.get_write_buffer_size() > 0

    def _cut_what_is_unsent(self) -> None:
        """Abort the connection to a server that does not read: closing would wait for ever until all is sent."""
        if self._transport is not None and self._has_unsent():
            self.early = True
            self._transport.abort()


def connector(*, connections: int, resolver: AbstractResolver) -> Connector:
    """Connections that feed `EarlyResponse`; `resolver` is used for every new one."""
    return _Connector(limit=connections, resolver=resolver, use_dns_cache=False)


class _Handler(Answers):
    """One connection. aiohttp calls it when a request begins, in the task that makes it.

    The parser gets nothing of a head before all of it is here: it would hang up at the first odd header.
    """

    _early_response: EarlyResponse | None = None
    _held = b""

    @override
    def set_response_params(self, **params: Any) -> None:
        self._early_response = _current.get()
        if self._early_response is not None and self.transport is not None:
            self._early_response.begin(self.transport)
        super().set_response_params(**params)

    @override
    def data_received(self, data: bytes) -> None:
        holding = self._early_response is not None and not self._early_response.head.ended
        if self._early_response is not None:
            self._early_response.feed(data)
        if not holding:
            super().data_received(data)
            return
        self._held += data
        if self._early_response is None or self._early_response.head.ended:
            self._let_go()
        elif self._early_response.head.status is None and len(self._held) > HEAD_BYTES:
            self._hang_up()

    @override
    def connection_lost(self, exc: BaseException | None) -> None:
        self._let_go()
        super().connection_lost(exc)

    def _hang_up(self) -> None:
        """Too many interim responses (1xx): no answer can be expected, and holding them all would fill the memory."""
        self._held = b""
        if self.transport is not None:
            self.transport.abort()

    def _let_go(self) -> None:
        held, self._held = self._held, b""
        if held:
            super().data_received(held)


class _Connector(Connector):
    handler = _Handler
