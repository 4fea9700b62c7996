"""Stand-ins for the network in tests: responses, silences and breaks, as httpx transports."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import override
from urllib.parse import unquote_plus

import httpx
import msgspec

_PAUSE_SECONDS = 0.03  # shorter than any timeout from one piece to the next


@dataclass(frozen=True)
class Reply:
    """A response of the provider's API: `body` as JSON, or as it is when it is bytes."""

    body: object
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def __call__(self, _request: httpx.Request) -> httpx.Response:
        content = self.body if isinstance(self.body, bytes) else msgspec.json.encode(self.body)
        return httpx.Response(self.status, headers=dict(self.headers), content=content)


class Recorder(httpx.MockTransport):
    """Answers every request with one reply, or as another transport, and keeps those that are no mere reads: as text in
    `effects`, and as they are in `requests`.
    """

    def __init__(
        self,
        reply: Callable[[httpx.Request], httpx.Response] | httpx.MockTransport,
        is_read: Callable[[httpx.Request], bool] = lambda request: request.method == "GET",
    ) -> None:
        super().__init__(self._record)
        self._reply = reply.handle_request if isinstance(reply, httpx.MockTransport) else reply
        self._is_read = is_read
        self.effects: list[str] = []
        self.requests: list[httpx.Request] = []

    @property
    def bodies(self) -> list[bytes]:
        """Of the requests that are no mere reads."""
        return [request.content for request in self.requests]

    def has_sent(self, text: str) -> bool:
        """Whether a request that is no mere read had this text in its address or body, as forms or JSON write it."""
        written = {text, json.dumps(text)[1:-1]}
        sent = [
            unquote_plus(part) for part in (*self.effects, *(body.decode(errors="replace") for body in self.bodies))
        ]
        return any(form in part for form in written for part in sent)

    def _record(self, request: httpx.Request) -> httpx.Response:
        if not self._is_read(request):
            self.requests.append(request)
            self.effects.append(f"{request.method} {request.url}\n{request.headers.multi_items()}\n{request.content!r}")
        return self._reply(request)


def places(requests: Iterable[httpx.Request]) -> list[tuple[str, str]]:
    """Where requests went: of two to the same place the bodies may differ by a timestamp alone."""
    return [(request.method, request.url.path) for request in requests]


class Tokened(httpx.AsyncBaseTransport):
    """Another transport, in front of which requests for access tokens are answered, and counted."""

    def __init__(
        self, inner: httpx.AsyncBaseTransport | None, is_token_request: Callable[[httpx.Request], bool], reply: Reply
    ) -> None:
        assert inner is not None
        self._inner = inner
        self._is_token_request = is_token_request
        self._reply = reply
        self.fetched = 0

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not self._is_token_request(request):
            return await self._inner.handle_async_request(request)
        self.fetched += 1
        await asyncio.sleep(0)  # others may come while it is under way
        return self._reply(request)


class Hanging(httpx.AsyncBaseTransport):
    """Accepts the request and never answers."""

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError


class Dripping(httpx.AsyncBaseTransport):
    """Responds with one space after the other, for ever, or until it breaks with `error`."""

    def __init__(self, error: Exception | None = None) -> None:
        self.stream = DrippingStream(error)

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=self.stream)


class DrippingStream(httpx.AsyncByteStream):
    """The body of such a response; it knows whether its reader has `closed` it."""

    def __init__(self, error: Exception | None) -> None:
        self._error = error
        self.started = asyncio.Event()
        self.closed = False

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield b" "
            self.started.set()
            if self._error:
                raise self._error
            await asyncio.sleep(_PAUSE_SECONDS)

    @override
    async def aclose(self) -> None:
        self.closed = True


def answer(reply: Reply) -> httpx.MockTransport:
    """Answers every request with one reply."""
    return httpx.MockTransport(reply)


def broken(error: Exception, cause: Exception | None) -> httpx.MockTransport:
    """Fails every request with `error`, raised from `cause` as from a library's own error."""

    def fail(_request: httpx.Request) -> httpx.Response:
        raise error from cause

    return httpx.MockTransport(fail)
