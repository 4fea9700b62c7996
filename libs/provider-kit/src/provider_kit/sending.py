"""One request to a provider with every limit set: its answer in full, or in which way there is none."""

import asyncio
import re
from collections.abc import Awaitable, Generator
from contextlib import contextmanager

import aiohttp
import httpx

from malipo.contracts.outcomes import Outcome, Unknown
from malipo.platform.client import never_sent
from provider_kit.errors import NotSent

_TOO_LONG = "answer_too_long"


class Silence(Exception):
    """Sent, or perhaps sent, and not answered in full."""


class ResponseTooLong(Exception):
    """Sent, and answered with more than is ever read."""


async def exchange(
    http: httpx.AsyncClient,  # noqa: TID251 - made elsewhere
    request: httpx.Request,
    *,
    provider: str,
    timeout_seconds: float,
    max_bytes: int,
) -> tuple[httpx.Response, bytes]:
    """The response and its body, of at most `max_bytes`. `provider` is its name for people.

    Raises `NotSent`, `Silence` or `ResponseTooLong`.
    """
    try:
        # The client's own timeouts count from one piece to the next: this one counts the whole.
        async with asyncio.timeout(timeout_seconds):
            return await _read(http, request, max_bytes)
    except TimeoutError:
        raise Silence("timeout") from None
    except httpx.HTTPError as error:
        if never_sent(error):
            msg = f"no connection to {provider}"
            raise NotSent(msg) from error
        late = isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout)
        raise Silence("timeout" if late else "connection_broken") from error
    # A response that is not HTTP, or leads to an address that is none: both errors come through, and no `HTTPError` is around them.
    except (aiohttp.ClientError, httpx.InvalidURL):
        raise Silence("answer_not_http") from None  # its error would bring the request's headers along


async def unless_silent(call: Awaitable[Outcome]) -> Outcome:
    """The outcome of a call; a doubt where its request was perhaps sent, and the answer was not read in full."""
    try:
        return await call
    except Silence as silence:
        return Unknown(reason=str(silence), silent=True)
    except ResponseTooLong:
        return Unknown(reason=_TOO_LONG)


@contextmanager
def nothing_begun(message: str, *, retry_after_seconds: float | None = None) -> Generator[None]:
    """Around a request that begins nothing at the provider, as one that only reads.

    Raises `NotSent` where it was not answered in full; `message` says what is missing by that.
    """
    try:
        yield
    except (Silence, ResponseTooLong) as error:
        msg = f"{message}: {str(error) or _TOO_LONG}"
        raise NotSent(msg, retry_after_seconds=retry_after_seconds) from None


def seconds(retry_after: str | None) -> float | None:
    """A `Retry-After` header as a number of seconds (RFC 9110, 10.2.3); None without one, and for its other form, a date."""
    return float(retry_after) if retry_after and re.fullmatch(r"\d{1,6}", retry_after, re.ASCII) else None


async def _read(http: httpx.AsyncClient, request: httpx.Request, max_bytes: int) -> tuple[httpx.Response, bytes]:  # noqa: TID251 - made elsewhere
    response = await http.send(request, stream=True)
    try:
        # Packed twice, a kilobyte is a gigabyte at once.
        if "," in response.headers.get("Content-Encoding", ""):
            raise ResponseTooLong
        body = bytearray()
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > max_bytes:
                raise ResponseTooLong
    finally:
        await response.aclose()
    return response, bytes(body)
