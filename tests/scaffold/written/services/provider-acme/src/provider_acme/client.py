"""Acme Pay on the wire: authenticated requests with every limit set, and how its callbacks are verified."""

import hmac
import re
from collections.abc import Mapping

import httpx

from malipo import clock
from provider_acme.mapping import AcmeRequest, AcmeResponse
from provider_kit.errors import BadSignature
from provider_kit.provider import Callback, Credentials
from provider_kit.sending import exchange, seconds

_MAX_BODY_BYTES = 1024 * 1024
_TOLERANCE_SECONDS = 300


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
    """What tells one account from another."""
    return credentials["secret"]


def headers(credentials: Credentials, key: str) -> dict[str, str]:
    """What authenticates a request, and names it for a repeat."""
    keyed = {"Idempotency-Key": key, "Content-Type": "application/json"} if key else {}
    return {"Authorization": f"Bearer {credentials['secret']}"} | keyed


def verify(callback: Callback, credentials: Credentials) -> None:
    """Check `Acme-Signature`: a time, and the HMAC of time and body. Raises `BadSignature`."""
    signed_at, _, given = callback.headers.get("acme-signature", "").partition(".")
    if not re.fullmatch("[0-9]{1,12}", signed_at) or abs(clock.unix_seconds() - int(signed_at)) > _TOLERANCE_SECONDS:
        raise BadSignature("no fresh signature")
    if not hmac.compare_digest(signature(callback.body, credentials, int(signed_at)).encode(), given.encode()):
        raise BadSignature("no signature of ours")


def signature(body: bytes, credentials: Credentials, signed_at: int) -> str:
    """The HMAC with which Acme Pay signs a callback."""
    return hmac.digest(credentials["secret"].encode(), b"%d." % signed_at + body, "sha256").hex()
