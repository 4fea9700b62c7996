"""Partner bank on the wire: authenticated requests with every limit set, and how its callbacks are verified."""

from collections.abc import Mapping

import httpx

from provider_bank.mapping import BankRequest, BankResponse
from provider_kit.provider import Callback, Credentials
from provider_kit.sending import exchange

_MAX_BODY_BYTES = 1024 * 1024


class BankClient:
    """The API of Partner bank."""

    def __init__(self, http: httpx.AsyncClient, *, timeout_seconds: float) -> None:  # noqa: TID251 - made elsewhere
        self._http = http
        self._timeout_seconds = timeout_seconds

    async def send(self, asked: BankRequest, headers: Mapping[str, str]) -> BankResponse:
        """The response. Raises `NotSent`, `Silence` or `ResponseTooLong`."""
        request = self._http.build_request(asked.method, asked.path, content=asked.body, headers=headers)
        response, body = await exchange(
            self._http,
            request,
            provider="Partner bank",
            timeout_seconds=self._timeout_seconds,
            max_bytes=_MAX_BODY_BYTES,
        )
        return BankResponse(response.status_code, body, response.headers.get("Retry-After"))


def identity(credentials: Credentials) -> str:
    """What tells one account from another. Raises `Misconfigured`."""
    raise NotImplementedError("client.py, identity: which of the credentials names an account at Partner bank")


def headers(credentials: Credentials, key: str) -> dict[str, str]:
    """What authenticates a request, and what names it for a repeat if the provider knows such keys.

    Raises `Misconfigured`.
    """
    raise NotImplementedError("client.py, headers: how a request to Partner bank is authenticated, and keyed")


def verify(callback: Callback, credentials: Credentials) -> None:
    """Check that a callback is genuine and fresh, if it is signed. Raises `BadSignature`."""
    raise NotImplementedError("client.py, verify: how a callback of Partner bank is verified")
