"""Stripe on the wire: authenticated requests with every limit set, and the signature of its webhooks."""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import httpx
import msgspec

from malipo import clock
from malipo.contracts.commands import Mode
from provider_kit.errors import BadSignature, Misconfigured
from provider_kit.provider import Credentials
from provider_kit.sending import exchange, seconds
from provider_stripe.objects import StripeResponse

_MAX_BODY_BYTES = 8 * 1024 * 1024  # a page of a hundred PaymentIntents, each with all the metadata it may have
_FORM = "application/x-www-form-urlencoded"
_SECRET_KEY = re.compile(r"(sk|rk)_(test|live)_\w{1,250}", re.ASCII)


class _StripeKeys(msgspec.Struct):
    secret_key: str
    webhook_secrets: tuple[str, ...] = ()


class StripeClient:
    """Stripe's API. Both verbs raise `NotSent`, `Silence` or `ResponseTooLong`."""

    def __init__(self, http: httpx.AsyncClient, *, version: str, timeout_seconds: float) -> None:  # noqa: TID251 - made elsewhere
        self._http = http
        self._version = version
        self._timeout_seconds = timeout_seconds

    async def post(self, secret_key: str, path: str, form: Mapping[str, str], *, key: str) -> StripeResponse:
        """Send `form` under the idempotency key `key`. An empty form has the content type of a form, too."""
        headers = self._headers(secret_key) | {"Idempotency-Key": key, "Content-Type": _FORM}
        return await self._exchange(self._http.build_request("POST", path, content=urlencode(form), headers=headers))

    async def get(self, secret_key: str, path: str, query: Mapping[str, str | Sequence[str]]) -> StripeResponse:
        """Read an object or a list."""
        headers = self._headers(secret_key)
        return await self._exchange(self._http.build_request("GET", path, params=query, headers=headers))

    def _headers(self, secret_key: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {secret_key}", "Stripe-Version": self._version}

    async def _exchange(self, request: httpx.Request) -> StripeResponse:
        response, body = await exchange(
            self._http, request, provider="Stripe", timeout_seconds=self._timeout_seconds, max_bytes=_MAX_BODY_BYTES
        )
        return StripeResponse(
            status=response.status_code,
            body=body,
            replayed=response.headers.get("Idempotent-Replayed") == "true",
            retry_after_seconds=seconds(response.headers.get("Retry-After")),
        )


def identity(credentials: Credentials) -> str:
    """What tells one account from another. Raises `Misconfigured`."""
    return _stripe_keys(credentials).secret_key


def secret_key(credentials: Credentials, mode: Mode) -> str:
    """The API key. Raises `Misconfigured`, also for a live key in test mode or the reverse."""
    key = _stripe_keys(credentials).secret_key
    match = _SECRET_KEY.fullmatch(key)
    if match is None or match[2] != mode:
        msg = f"The secret_key of {mode} mode must be one of Stripe's: sk_{mode}_... or rk_{mode}_..."
        raise Misconfigured(msg)
    return key


def verify(credentials: Credentials, signature: str, body: bytes, *, tolerance_seconds: int) -> None:
    """Check a webhook's `Stripe-Signature`. Raises `BadSignature`.

    Any of the account's secrets may have signed, and any `v1` of the header may fit: both are several while a secret
    is rotated. The time that was signed must be near ours, before or after.
    """
    pairs = [part.partition("=")[::2] for part in signature.split(",")]
    signed_at = next((value for name, value in pairs if name == "t"), "")
    if not re.fullmatch(r"\d{1,12}", signed_at, re.ASCII):
        raise BadSignature("no time in Stripe-Signature")
    if abs(clock.unix_seconds() - int(signed_at)) > tolerance_seconds:
        raise BadSignature("signed too long ago, or in the future")
    payload = signed_at.encode() + b"." + body
    genuine = [_signature(secret, payload) for secret in _webhook_secrets(credentials)]
    given = [value.encode() for name, value in pairs if name == "v1"]
    if not any(hmac.compare_digest(one, other) for one in genuine for other in given):
        raise BadSignature("no v1 signature of ours")


def _signature(secret: str, payload: bytes) -> bytes:
    return hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest().encode()


def _webhook_secrets(credentials: Credentials) -> list[str]:
    """Without empty ones: those are no secret."""
    try:
        return [secret for secret in _stripe_keys(credentials).webhook_secrets if secret]
    except Misconfigured as error:
        raise BadSignature(str(error)) from None


def _stripe_keys(credentials: Credentials) -> _StripeKeys:
    try:
        return msgspec.convert(credentials, _StripeKeys)
    except msgspec.ValidationError:
        raise Misconfigured("Stripe's credentials are a secret_key and a list of webhook_secrets.") from None
