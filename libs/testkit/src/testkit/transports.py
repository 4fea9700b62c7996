"""Stand-ins for the network in tests: responses, silences and breaks, as httpx transports."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import override

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
    """Answers every request with one reply and keeps those that are no mere reads: `effects` are they as text."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(self._record)
        self._reply = reply
        self.effects: list[str] = []
        self.bodies: list[bytes] = []
        self.headers: list[httpx.Headers] = []

    def _record(self, request: httpx.Request) -> httpx.Response:
        if request.method != "GET":
            self.bodies.append(request.content)
            self.headers.append(request.headers)
            self.effects.append(f"{request.method} {request.url}\n{request.headers.multi_items()}\n{request.content!r}")
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
