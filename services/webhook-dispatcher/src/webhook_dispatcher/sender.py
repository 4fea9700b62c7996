"""Posts one webhook to one URL: addresses checked, no redirect, one deadline, a bounded answer."""

import asyncio
import socket
import ssl
from http.cookiejar import DefaultCookiePolicy

import aiohttp
import httpx

from malipo import clock
from malipo.platform.client import http_client, never_sent
from webhook_dispatcher.addresses import AddressRefused, check_url
from webhook_dispatcher.resolver import CheckedResolver, LookUp
from webhook_dispatcher.schedule import read_retry_after
from webhook_dispatcher.verdict import Answer

BODY_BYTES = 16 * 1024
"""Of an answer's body no more is read."""

KEPT_BYTES = 1024
"""Of what was read this much is kept, for the merchant's engineers."""

_HEADERS = {"content-type": "application/json", "user-agent": "Malipo-Webhooks/1", "accept-encoding": "identity"}
# What a stranger's server, name or URL can cause. httpx-aiohttp lets some of aiohttp's errors through as they are.
_FAILURES = (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError, ValueError)


class Sender:
    """Sends webhooks. Never raises for what a merchant's server, name or URL does: that is an `Answer`."""

    def __init__(
        self, *, connections: int, attempt_seconds: float, allow_loopback: bool, look_up: LookUp = socket.getaddrinfo
    ) -> None:
        self._attempt_seconds = attempt_seconds
        self._allow_loopback = allow_loopback
        self._resolver = CheckedResolver(threads=connections, allow_loopback=allow_loopback, look_up=look_up)
        self._client = http_client(timeout_seconds=attempt_seconds, connections=connections, resolver=self._resolver)
        # Merchants on one host must not see each other's cookies, nor fill our memory with them.
        self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> Answer:
        """Send `body`; the deadline spans everything from the name's look-up to the answer's end."""
        try:
            async with asyncio.timeout(self._attempt_seconds):
                return await self._exchange(url, headers, body)
        except TimeoutError:
            return Answer(error=f"no complete answer within {self._attempt_seconds:g} seconds")
        except _FAILURES as error:
            return Answer(error=_reason(error))

    async def close(self) -> None:
        """Close connections and let go of threads."""
        await self._client.aclose()
        await self._resolver.close()

    async def _exchange(self, url: str, headers: dict[str, str], body: bytes) -> Answer:
        request = self._client.build_request("POST", url, headers=_HEADERS | headers, content=body)
        check_url(str(request.url), allow_loopback=self._allow_loopback)
        response = await self._client.send(request, stream=True)
        try:
            return Answer(
                status=response.status_code,
                retry_after_seconds=read_retry_after(response.headers.get("retry-after"), clock.now()),
                body_start=await _start_of_body(response),
            )
        finally:
            await response.aclose()  # closes the connection when there is more to read


async def _start_of_body(response: httpx.Response) -> str:
    read = bytearray()
    async for chunk in response.aiter_raw():
        read += chunk
        if len(read) >= BODY_BYTES:
            break
    return bytes(read[:KEPT_BYTES]).decode(errors="replace").replace("\0", "\ufffd")  # PostgreSQL's text takes no NUL


def _reason(error: BaseException) -> str:
    """What to tell the merchant: what went wrong, without the addresses that we saw."""
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
            return "no complete answer: the connection broke, or what came was no HTTP"


def _root(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error
