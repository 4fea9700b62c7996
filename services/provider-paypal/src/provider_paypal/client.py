"""PayPal on the wire: authenticated requests with every limit set, under access tokens that all replicas share."""

import base64
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from urllib.parse import urlencode

import httpx

from malipo.contracts.commands import Mode
from provider_kit.errors import Misconfigured, NotSent
from provider_kit.sending import exchange, nothing_begun, seconds
from provider_kit.tokens import FetchedToken, TokenRefused, TokenSource
from provider_paypal.account import PaypalAccount
from provider_paypal.mapping import is_refused_token
from provider_paypal.objects import ACCESS_TOKEN, PaypalResponse
from provider_paypal.requests import TOKEN_PATH, PaypalRequest

HOSTS: Mapping[Mode, str] = {"test": "https://api-m.sandbox.paypal.com", "live": "https://api-m.paypal.com"}

_MAX_BODY_BYTES = 4 * 1024 * 1024
_JSON, _FORM = "application/json", "application/x-www-form-urlencoded"
_GRANT = urlencode({"grant_type": "client_credentials"}).encode()


class PaypalClient:
    """PayPal's REST API. `hosts` are its addresses by mode, without a path.

    Each request raises `NotSent`, `Misconfigured`, `Silence` or `ResponseTooLong`. A refused token is renewed once.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,  # noqa: TID251 - made elsewhere
        tokens: TokenSource,
        *,
        hosts: Mapping[Mode, str],
        timeout_seconds: float,
    ) -> None:
        self._http = http
        self._tokens = tokens
        self._hosts = hosts
        self._timeout_seconds = timeout_seconds

    async def ready(self, account: PaypalAccount, mode: Mode) -> None:
        """Have an access token at hand. Raises `NotSent` or `Misconfigured`."""
        await self._tokens.ready(_token_owner(account, mode), partial(self._fetch_token, account, mode))

    async def post(self, account: PaypalAccount, mode: Mode, asked: PaypalRequest) -> PaypalResponse:
        """Send a request with an effect. The answer is asked for whole, and is read all the same if it is not."""
        headers = {"Content-Type": _JSON, "Prefer": "return=representation", "PayPal-Request-Id": asked.key}
        build = partial(self._http.build_request, "POST", f"{self._hosts[mode]}{asked.path}", content=asked.body)
        return await self._call(account, mode, build, headers)

    async def ask(self, account: PaypalAccount, mode: Mode, path: str, body: bytes) -> PaypalResponse:
        """Send a question that is a POST: it has no effect, and so no key."""
        build = partial(self._http.build_request, "POST", f"{self._hosts[mode]}{path}", content=body)
        return await self._call(account, mode, build, {"Content-Type": _JSON})

    async def get(
        self, account: PaypalAccount, mode: Mode, path: str, query: Mapping[str, str] | None = None
    ) -> PaypalResponse:
        """Read an object or a list."""
        build = partial(self._http.build_request, "GET", f"{self._hosts[mode]}{path}", params=query)
        return await self._call(account, mode, build, {})

    async def _call(
        self, account: PaypalAccount, mode: Mode, build: Callable[..., httpx.Request], headers: Mapping[str, str]
    ) -> PaypalResponse:
        async def call(token: str) -> PaypalResponse:
            response = await self._exchange(build(headers={"Authorization": f"Bearer {token}", **headers}))
            if is_refused_token(response):
                raise TokenRefused
            return response

        return await self._tokens.using(_token_owner(account, mode), partial(self._fetch_token, account, mode), call)

    async def _fetch_token(self, account: PaypalAccount, mode: Mode) -> FetchedToken:
        """Raises `NotSent` or `Misconfigured`: whatever became of it, no operation was begun."""
        basic = base64.b64encode(f"{account.client_id}:{account.client_secret}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}", "Content-Type": _FORM}
        url = f"{self._hosts[mode]}{TOKEN_PATH}"
        with nothing_begun("PayPal gives no access token", retry_after_seconds=1):
            response = await self._exchange(self._http.build_request("POST", url, content=_GRANT, headers=headers))
        return _token_in(response)

    async def _exchange(self, request: httpx.Request) -> PaypalResponse:
        response, body = await exchange(
            self._http, request, provider="PayPal", timeout_seconds=self._timeout_seconds, max_bytes=_MAX_BODY_BYTES
        )
        return PaypalResponse(response.status_code, body, seconds(response.headers.get("Retry-After")))


def _token_owner(account: PaypalAccount, mode: Mode) -> str:
    """Whose tokens these are: with the secret in it, so that nobody who only knows the id uses another's."""
    return f"{mode}/{account.client_id}/{account.client_secret}"


def _token_in(response: PaypalResponse) -> FetchedToken:
    if response.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED):
        raise Misconfigured("PayPal refuses the client_id and client_secret.")
    if response.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise NotSent("too many access tokens", retry_after_seconds=response.retry_after_seconds or 5)
    try:
        found = ACCESS_TOKEN.decode(response.body) if response.status == HTTPStatus.OK else None
    except ValueError:
        found = None
    if (
        found is None
        or found.expires_in <= 0
        or not found.access_token.isascii()
        or not found.access_token.isprintable()
    ):
        raise NotSent("PayPal gives no access token", retry_after_seconds=5)
    return FetchedToken(found.access_token, found.expires_in)
