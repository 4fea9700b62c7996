"""Acme Pay on the wire: authenticated requests with every limit set, and how its callbacks are verified."""

import asyncio
from collections.abc import Mapping

import aiohttp
import httpx

from malipo.platform.client import never_sent
from provider_acme.mapping import AcmeRequest, AcmeResponse
from provider_kit.errors import NotSent
from provider_kit.provider import Callback, Credentials

_MAX_BODY_BYTES = 1024 * 1024


class Silence(Exception):
    """Sent, or perhaps sent, and not answered in full."""


class ResponseTooLong(Exception):
    """Sent, and answered with more than is ever read."""


class AcmeClient:
    """The API of Acme Pay."""

    def __init__(self, http: httpx.AsyncClient, *, timeout_seconds: float) -> None:  # noqa: TID251 - made elsewhere
        self._http = http
        self._timeout_seconds = timeout_seconds

    async def send(self, asked: AcmeRequest, headers: Mapping[str, str]) -> AcmeResponse:
        """The response. Raises `NotSent`, `Silence` or `ResponseTooLong`."""
        request = self._http.build_request(asked.method, asked.path, content=asked.body, headers=headers)
        try:
            # The client's own timeouts count from one piece to the next: this one counts the whole.
            async with asyncio.timeout(self._timeout_seconds):
                return await self._read(request)
        except TimeoutError:
            raise Silence("timeout") from None
        except httpx.HTTPError as error:
            if never_sent(error):
                raise NotSent("no connection to Acme Pay") from error
            late = isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout)
            raise Silence("timeout" if late else "connection_broken") from error
        except aiohttp.ClientError:  # a response that is not HTTP: the transport lets the error through
            raise Silence("answer_not_http") from None  # its error would bring the request's headers along

    async def _read(self, request: httpx.Request) -> AcmeResponse:
        response = await self._http.send(request, stream=True)
        try:
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > _MAX_BODY_BYTES:
                    raise ResponseTooLong
        finally:
            await response.aclose()
        return AcmeResponse(response.status_code, bytes(body), response.headers.get("Retry-After"))


def identity(credentials: Credentials) -> str:
    """What tells one account from another. Raises `Misconfigured`."""
    raise NotImplementedError("client.py, identity: which of the credentials names an account at Acme Pay")


def headers(credentials: Credentials, key: str) -> dict[str, str]:
    """What authenticates a request, and what names it for a repeat if the provider knows such keys.

    Raises `Misconfigured`.
    """
    raise NotImplementedError("client.py, headers: how a request to Acme Pay is authenticated, and keyed")


def verify(callback: Callback, credentials: Credentials) -> None:
    """Check that a callback is genuine and fresh, if it is signed. Raises `BadSignature`."""
    raise NotImplementedError("client.py, verify: how a callback of Acme Pay is verified")
