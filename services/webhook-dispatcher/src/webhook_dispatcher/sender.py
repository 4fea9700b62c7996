"""Posts one webhook to one URL: addresses checked, no redirect, one deadline, a bounded answer."""

import asyncio
import socket
import ssl
from collections.abc import Collection, Coroutine
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import aiohttp
import httpx

from http_limits.addresses import AddressRefused, check_url
from malipo import clock
from malipo.messaging.pool import without_nul
from malipo.platform.client import http_client, never_sent
from webhook_dispatcher.early_response import EarlyResponse, connector
from webhook_dispatcher.head import Head
from webhook_dispatcher.resolver import CheckedResolver, LookUp
from webhook_dispatcher.result import ReceiverResponse
from webhook_dispatcher.schedule import ASKS_FOR_A_PAUSE, read_date, read_retry_after

BODY_BYTES = 16 * 1024
"""Of an answer's body no more is read."""

KEPT_BYTES = 1024
"""Of the body this much is kept, for the merchant's engineers."""

REST_SECONDS = 1.0
"""How long headers and body are waited for after the status line; they change nothing."""

_HEADERS = {"content-type": "application/json", "user-agent": "Malipo-Webhooks/1", "accept-encoding": "identity"}
# What a merchant's server, name or URL can cause. httpx-aiohttp lets some of aiohttp's errors through as they are.
_NO_HTTP = "no answer: the connection broke, or what came was no HTTP"
_FAILURES = (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError, ValueError)


class Sender:
    """Sends webhooks. Never raises for what a merchant's server, name or URL does: that is a `ReceiverResponse`."""

    def __init__(
        self,
        *,
        connections: int,
        attempt_seconds: float,
        allow_loopback: bool,
        allow_hosts: Collection[str] = (),
        look_up: LookUp = socket.getaddrinfo,
    ) -> None:
        self._attempt_seconds = attempt_seconds
        self._check_url = partial(check_url, allow_loopback=allow_loopback, allow_hosts=allow_hosts)
        self._resolver = CheckedResolver(
            threads=connections, allow_loopback=allow_loopback, allow_hosts=allow_hosts, look_up=look_up
        )
        self._client = http_client(
            timeout_seconds=attempt_seconds + REST_SECONDS,  # the deadline is another: see `post`
            connector=partial(connector, connections=connections, resolver=self._resolver),
        )

    async def post(self, url: str, headers: dict[str, str], body: bytes, now: datetime) -> ReceiverResponse:
        """Send `body` at the moment `now`. The deadline spans everything from the name's look-up to the status line.

        The status line is the answer. What breaks after it, or never comes, is only missing from what is kept.
        """
        early_response, kept, started = EarlyResponse(), bytearray(), clock.monotonic()
        error = await self._listen(early_response, self._exchange(url, headers, body, kept))
        if early_response.head.status is None or early_response.early:
            return ReceiverResponse(error=error or _NO_HTTP)
        return _answer(early_response.head, kept, now + timedelta(seconds=clock.monotonic() - started))

    async def close(self) -> None:
        """Close connections and release threads."""
        await self._client.aclose()
        await self._resolver.close()

    async def _listen(self, early_response: EarlyResponse, exchange: Coroutine[Any, Any, None]) -> str | None:
        """Run the exchange while `early_response` receives its answer; returns what went wrong."""
        try:
            async with asyncio.timeout(self._attempt_seconds) as deadline:
                with early_response.under_way(on_status=partial(_leave_soon, deadline)):
                    await exchange
        except TimeoutError:
            return f"no answer within {self._attempt_seconds:g} seconds"
        except _FAILURES as error:
            return _reason(error)
        return None

    async def _exchange(self, url: str, headers: dict[str, str], body: bytes, kept: bytearray) -> None:
        """Put the start of the answer's body into `kept`."""
        request = self._client.build_request("POST", url, headers=_HEADERS | headers, content=body)
        self._check_url(str(request.url))
        response = await self._client.send(request, stream=True)
        try:
            read = 0
            async for chunk in response.aiter_raw():
                kept += chunk[: KEPT_BYTES - len(kept)]
                read += len(chunk)
                if read >= BODY_BYTES:
                    break
        finally:
            await response.aclose()  # closes the connection when there is more to read


def _leave_soon(deadline: asyncio.Timeout) -> None:
    if not deadline.expired():
        deadline.reschedule(asyncio.get_running_loop().time() + REST_SECONDS)


def _answer(head: Head, kept: bytearray, now: datetime) -> ReceiverResponse:
    return ReceiverResponse(
        status=head.status,
        retry_after_seconds=_pause(head, now) if head.status in ASKS_FOR_A_PAUSE else None,
        body_start=_text(bytes(kept) or head.rest),
    )


def _pause(head: Head, now: datetime) -> float | None:
    return read_retry_after(head.header("retry-after"), read_date(head.header("date")) or now)


def _text(read: bytes) -> str:
    return without_nul(read.decode(errors="replace"))


def _reason(error: BaseException) -> str:
    """What the merchant may read: what went wrong, without the addresses that we saw."""
    match _root(error):
        case AddressRefused() as refused:
            return str(refused)
        case httpx.InvalidURL():
            return "the URL cannot be used"
        case socket.gaierror():
            return "the name does not resolve"
        case ssl.SSLError():
            return "no trusted TLS connection"
        case _ if isinstance(error, httpx.HTTPError) and never_sent(error):
            return "no connection"
        case _:
            return _NO_HTTP


def _root(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error
