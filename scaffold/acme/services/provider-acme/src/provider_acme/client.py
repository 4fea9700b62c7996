"""Acme Pay on the wire: authenticated requests with every limit set, and how its callbacks are verified."""

from collections.abc import Mapping

import httpx

from provider_acme.mapping import AcmeRequest, AcmeResponse
from provider_kit.provider import Callback, Credentials
from provider_kit.sending import exchange, seconds

_MAX_BODY_BYTES = 1024 * 1024


class AcmeClient:
    """The API of Acme Pay."""

    def __init__(self, http: httpx.AsyncClient, *, timeout_seconds: float) -> None:  # noqa: TID251 - made elsewhere
        self._http = http
        self._timeout_seconds = timeout_seconds

    async def send(self, asked: AcmeRequest, headers: Mapping[str, str]) -> AcmeResponse:
        """The response. Raises `NotSent`, `Silence` or `ResponseTooLong`."""
        request = self._http.build_request(asked.method, asked.path, content=asked.body, headers=headers)
        response, body = await exchange(
            self._http,
            request,
            provider="Acme Pay",
            timeout_seconds=self._timeout_seconds,
            max_bytes=_MAX_BODY_BYTES,
        )
        return AcmeResponse(response.status_code, body, seconds(response.headers.get("Retry-After")))


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
