"""One client's connection: uvicorn's, with limits for what it may send, and how slowly, before it is authenticated."""

import asyncio
from collections import Counter as Counts
from collections.abc import Callable
from enum import Enum
from http import HTTPStatus
from typing import Any, Final

import httptools
import msgspec
from prometheus_client import Counter
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from http_limits.limits import Limits
from http_limits.remote import belongs, client_of, network_of

_PIECE: Final = 8 * 1024
"""Bytes of one connection that are parsed before others have their turn; each takes a few milliseconds at worst."""

_LINGER_SECONDS: Final = 1
"""How long the rest of a refused request is still read and dropped, so that its sender can read why."""

REFUSED = Counter(
    "malipo_http_refused",
    "Connections ended beneath the application: `malformed`, `head_too_large`, `too_slow`, `too_many`.",
    ("reason",),
)


CODES: dict[int, str] = {
    400: "request_malformed",
    408: "headers_too_slow",
    431: "headers_too_large",
    503: "too_many_connections",
    505: "http_version_unsupported",
}
"""The stable `code` of each status that is answered beneath the application."""
RETRY_SECONDS: dict[int, int] = {408: 1, 503: 1}
"""After so long the same request may succeed; with any other status it never does."""


class Refused(Exception):
    """The request is refused: status and detail of the response, and the reason that is counted."""

    def __init__(self, status: int, detail: str, reason: str = "malformed") -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.reason = reason

    def answer(self) -> bytes:
        """The response's bytes, with which the connection ends. Nothing was stored: the same idempotency key may be used."""
        phrase, code = HTTPStatus(self.status).phrase, CODES[self.status]
        after_seconds = RETRY_SECONDS.get(self.status)
        retry = {"safe": after_seconds is not None, "after_seconds": after_seconds, "same_key": True}
        problem = {"type": f"urn:malipo:problem:{code}", "title": phrase, "status": self.status, "detail": self.detail}
        body = msgspec.json.encode(problem | {"code": code, "errors": [], "retry": retry})
        head = (
            f"HTTP/1.1 {self.status} {phrase}\r\ncontent-type: application/problem+json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n"
            + (f"retry-after: {after_seconds}\r\n\r\n" if after_seconds else "\r\n")
        )
        return head.encode("ascii") + body


class Door:
    """Counts the connections of one process, by address and in all; and says whether it is closing."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.closing = False
        """Each answer ends its connection from now on, and says so: its client opens the next one elsewhere."""
        self._connections = 0
        self._by_address = Counts[str]()

    def enter(self, address: str) -> bool:
        """Take a place for `address`, if there is one. Who gets True calls `leave` at the end."""
        trusted = belongs(address, self.limits.trusted_proxies)
        network = network_of(address)
        most = self.limits.connections if trusted else self.limits.connections_per_address
        if self._connections >= self.limits.connections or self._by_address[network] >= most:
            return False
        self._connections += 1
        self._by_address[network] += 1
        return True

    def leave(self, address: str) -> None:
        """Give the place back."""
        network = network_of(address)
        self._connections -= 1
        self._by_address[network] -= 1
        if not self._by_address[network]:
            del self._by_address[network]


class _Part(Enum):
    """What the parser is in the middle of."""

    NOTHING = "nothing"
    HEAD = "head"
    BODY = "body"


class _Flow(FlowControl):
    """Reads on when uvicorn wants more and what was read has been parsed."""

    def __init__(self, transport: asyncio.Transport, go_on: Callable[[], None]) -> None:
        super().__init__(transport)
        self._go_on = go_on
        self._unsent = 0  # bytes that the client had not read at the last call of `stands_still`

    def stands_still(self) -> bool:
        """Whether responses wait for the client to read, and none of them went out since the last call."""
        before, self._unsent = self._unsent, self._transport.get_write_buffer_size() if self.write_paused else 0
        return 0 < before <= self._unsent

    def resume_writing(self) -> None:
        self._unsent = 0
        super().resume_writing()

    def pause_reading(self) -> None:
        self.read_paused = True
        self._go_on()

    def resume_reading(self) -> None:
        self.read_paused = False
        self._go_on()


class Connection(HttpToolsProtocol):
    """Answers 400, 408, 431, 503 or 505 as `application/problem+json` for requests that never reach the application.

    The parser beneath joins a header that comes in parts with quadratic cost and has no limits, so it gets no more than
    a head's limit; and no more than a piece a turn of the loop, so that others have theirs. One timer always runs.
    A later request of the connection is refused only after the responses to the earlier ones, by the connection's end.
    """

    def __init__(
        self,
        door: Door,
        *,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._door = door
        self._limits = door.limits
        self._entered = False
        self._trusted = False
        self._part = _Part.NOTHING
        self._fields = 0
        self._framing = 0  # bytes since the head's begin, or since the last byte of the body
        self._unparsed = b""
        self._turn_due = False
        self._reading = True
        self._refused = False
        self._running: RequestResponseCycle | None = None
        self._flow: _Flow

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - as uvicorn's
        super().connection_made(transport)
        self.flow = self._flow = _Flow(transport, self._go_on)
        peer = self.client[0] if self.client else ""
        self._entered = self._door.enter(peer)
        self._trusted = belongs(peer, self._limits.trusted_proxies)
        self._watch(self._limits.head_seconds)
        if not self._entered:
            self._refuse(Refused(503, "There are too many connections; come again in a moment.", "too_many"))
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self._unparsed = b""
        if self._entered:
            self._door.leave(self.client[0] if self.client else "")

    def data_received(self, data: bytes) -> None:
        self._unparsed += data
        if not self._turn_due:
            self._take_turn()

    def _take_turn(self) -> None:
        """Parse one piece of what was read, and see to the rest."""
        self._turn_due = False
        piece, self._unparsed = self._unparsed[:_PIECE], self._unparsed[_PIECE:]
        if not self._refused and not self.transport.is_closing():
            try:
                self._parse(piece)
            except Refused as refused:
                self._refuse(refused)
        self._go_on()

    def _go_on(self) -> None:
        """Read on, or parse on in the next turn of the loop, or let the client wait."""
        if self.transport.is_closing():
            return
        # What waits behind the running request has been parsed: one piece of it is enough, for each takes memory.
        wanted = not self.flow.read_paused and not self.pipeline and not (self._refused and self._answering)
        if self._unparsed and wanted and not self._turn_due:
            self._turn_due = True
            self.loop.call_soon(self._take_turn)
        reading = wanted and not self._unparsed
        if reading != self._reading:
            self._reading = reading
            (self.transport.resume_reading if reading else self.transport.pause_reading)()

    # What is parsed

    def _parse(self, piece: bytes) -> None:
        waited = self._part is _Part.NOTHING
        if waited:
            self._part, self._framing, self._fields = _Part.HEAD, 0, 0
        self._framing += len(piece)
        self._feed(piece)
        if self._framing > self._limits.head_bytes:
            raise self._too_long()
        if waited and self._part is _Part.HEAD and not self._answering:
            self._watch(self._limits.head_seconds)

    def _feed(self, piece: bytes) -> None:
        """Give the parser a piece. Raises `Refused`."""
        assert self.parser is not None  # uvicorn forgets it with the connection
        while piece:
            try:
                return self.parser.feed_data(piece)
            except httptools.HttpParserUpgrade as upgrade:
                piece = piece[upgrade.args[0] :]  # the request was read as if it had asked for none
            except httptools.HttpParserError as error:
                cause = error.__context__
                raise (cause if isinstance(cause, Refused) else Refused(400, f"This is no HTTP: {error}.")) from None

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._part, self._framing, self._fields = _Part.HEAD, 0, 0

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields += 1
        if self._fields > self._limits.head_fields:
            raise Refused(431, f"There are more than {self._limits.head_fields} header lines.", "head_too_large")
        if self._part is _Part.HEAD:  # a trailer is no header
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._check_head()
        self._part, self._framing, self._fields = _Part.BODY, 0, 0
        if self._trusted:
            forwarded = [value.decode("latin-1") for name, value in self.headers if name == b"x-forwarded-for"]
            assert self.client is not None
            self.scope["client"] = (client_of(self.client[0], forwarded, self._limits.trusted_proxies), 0)
        super().on_headers_complete()
        if self._door.closing:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._framing = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._part = _Part.NOTHING
        super().on_message_complete()

    def _check_head(self) -> None:
        """Raises `Refused` for what is too large, and for what another server on the way may read differently.

        See RFC 9112, sections 3 and 6.
        """
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > self._limits.head_bytes:
            raise self._too_long()
        assert self.parser is not None
        version = self.parser.get_http_version()
        if version not in {"1.0", "1.1"}:
            raise Refused(505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.")
        hosts = self._values(b"host")
        if len(hosts) > 1 or (not hosts and version == "1.1"):
            raise Refused(400, "A request has one Host header.")
        if not self.url.startswith(b"/") and not _names(self.url, hosts):
            raise Refused(400, "The target names another host than the Host header.")
        codings = self._values(b"transfer-encoding")
        if codings and (codings != [b"chunked"] or version == "1.0"):
            raise Refused(400, "Transfer-Encoding can be chunked, once, and in HTTP/1.1 only.")
        if self.parser.should_upgrade() and (codings or self._values(b"content-length")):
            raise Refused(400, "A request with a body cannot ask for an upgrade.")

    def _too_long(self) -> Refused:
        detail = f"The request's line and headers are longer than {self._limits.head_bytes} bytes."
        return Refused(431, detail, "head_too_large")

    def _values(self, name: bytes) -> list[bytes]:
        return [value.strip().lower() for found, value in self.headers if found == name]

    # Responses

    @property
    def _answering(self) -> bool:
        return self._running is not None and not self._running.response_complete

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._answering or self._part is not _Part.NOTHING or self.transport.is_closing():
            self._watch(self._limits.head_seconds)

    def _refuse(self, refused: Refused) -> None:
        """Read nothing more. The response follows, if it is this request's turn, and the end of the connection."""
        REFUSED.labels(refused.reason).inc()
        self._refused, self._unparsed = True, b""
        mine = self.cycle if self._part is _Part.BODY else None
        if self._answering and mine is not self._running:
            return self._end_after_earlier_answers(mine)
        self._running = None
        if mine and mine.response_started:
            self.transport.close()
        else:
            self._answer(refused, mine)
        self._watch(_LINGER_SECONDS)

    def _answer(self, refused: Refused, mine: RequestResponseCycle | None) -> None:
        if mine:  # the application is still waiting for the body, and receives a disconnect
            mine.disconnected = True
            mine.message_event.set()
        self.transport.write(refused.answer())
        self.transport.write_eof()

    def _end_after_earlier_answers(self, mine: RequestResponseCycle | None) -> None:
        assert self._running is not None
        if mine:
            self.pipeline.popleft()
        last = self.pipeline[0][0] if self.pipeline else self._running
        last.keep_alive = False

    def shutdown(self) -> None:
        """End the connection, after the answers to what has come of requests, be it the first byte of one."""
        begun = self._part is _Part.HEAD or (self._part is _Part.NOTHING and self._unparsed)
        if not begun:  # else the answer to what has begun will end it
            super().shutdown()

    # Time

    def _watch(self, seconds: float) -> None:
        """Look at the connection again after `seconds`; the time that was set before is void."""
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        if self.transport.is_closing() or self._flow.stands_still():  # the client does not read
            self.transport.abort()
        elif self._answering:  # the application has time limits of its own
            self._watch(self._limits.head_seconds)
        elif self._part is _Part.HEAD and not self._refused:
            self._refuse(Refused(408, f"The headers took longer than {self._limits.head_seconds} s.", "too_slow"))
        else:
            self.transport.close()
            self._watch(_LINGER_SECONDS)


def _names(target: bytes, hosts: list[bytes]) -> bool:
    """Whether a target in absolute form names the same host as the header does."""
    _, found, rest = target.lower().partition(b"://")
    authority = rest.partition(b"/")[0].partition(b"?")[0]
    return bool(found) and [authority] == hosts
