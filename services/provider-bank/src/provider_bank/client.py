"""The bank on the wire: requests authenticated in the partner's way, with every limit set, under tokens that replicas share."""

import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from urllib.parse import urlencode

import aiohttp
import httpx

from malipo import clock
from provider_bank import requests
from provider_bank.account import Access, OAuth
from provider_bank.authentication import basic, signed
from provider_bank.certificates import Certificates, ClientCertificate
from provider_bank.connections import Connections
from provider_bank.mapping import is_refused_token
from provider_bank.objects import ACCESS_TOKENS, BankResponse
from provider_bank.partners import Partner
from provider_bank.requests import BankRequest
from provider_kit.errors import Misconfigured, NotSent
from provider_kit.sending import ResponseTooLong, Silence, exchange
from provider_kit.tokens import FetchedToken, TokenRefused, TokenSource

_MAX_BODY_BYTES = 4 * 1024 * 1024  # a page of 500 payments, or a day's statement
_GRANT = urlencode({"grant_type": "client_credentials"}).encode()
_JSON, _FORM = "application/json", "application/x-www-form-urlencoded"
_OK, _BAD_REQUEST, _UNAUTHORIZED, _TOO_MANY = 200, 400, 401, 429


class BankClient:
    """The API of all partner banks.

    Each request raises `NotSent`, `Misconfigured`, `Silence` or `ResponseTooLong`. A refused token is renewed once.
    """

    def __init__(self, connections: Connections, tokens: TokenSource) -> None:
        self._connections = connections
        self._tokens = tokens
        self._certificates = Certificates()

    async def ready(self, access: Access) -> None:
        """Have at hand what requests of the account need. Raises `NotSent` or `Misconfigured`."""
        if oauth := _oauth(access):
            await self._tokens.ready(_token_owner(access, oauth), partial(self._fetch_token, access, oauth))
        else:
            async with self._open(access):
                pass

    async def post(self, access: Access, asked: BankRequest) -> BankResponse:
        """Send a request that has an effect, once under its key."""
        headers = {"Content-Type": _JSON, "Idempotency-Key": asked.key}
        return await self._call(access, "POST", asked.path, headers, asked.body)

    async def get(self, access: Access, path: str, query: Mapping[str, str] | None = None) -> BankResponse:
        """Read a payment, a list or a statement."""
        return await self._call(access, "GET", requests.target(path, query), {})

    async def look_up(self, name: str, partner: Partner, path: str) -> BankResponse:
        """Read what the partner of this name shows to everybody."""
        async with self._connections.to(name, partner) as http:
            return await _exchange(http, partner, http.build_request("GET", f"{partner.api_base}{path}"))

    async def _call(
        self, access: Access, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> BankResponse:
        oauth = _oauth(access)
        if oauth is None:
            return await self._send(access, method, target, headers, body)

        async def call(token: str) -> BankResponse:
            with_token = {"Authorization": f"Bearer {token}", **headers}
            response = await self._send(access, method, target, with_token, body)
            if is_refused_token(response):
                raise TokenRefused
            return response

        return await self._tokens.using(_token_owner(access, oauth), partial(self._fetch_token, access, oauth), call)

    async def _send(
        self, access: Access, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> BankResponse:
        async with self._open(access) as (http, certificate):
            own: Mapping[str, str] = {}
            if certificate is not None:
                own = signed(certificate, method, target, body, clock.unix_seconds())
            elif access.partner.authentication == "api_key":
                own = {"X-API-Key": access.account.api_key or ""}
            url, content = f"{access.partner.api_base}{target}", body or None
            request = http.build_request(method, url, content=content, headers={**headers, **own})
            return await _exchange(http, access.partner, request)

    @asynccontextmanager
    async def _open(self, access: Access) -> AsyncGenerator[tuple[httpx.AsyncClient, ClientCertificate | None]]:  # noqa: TID251 - made by `Connections`
        """The account's client, and the certificate that it presents."""
        certificate, given = None, access.account.certificate
        if given is not None and access.partner.authentication == "mtls":
            certificate = await self._certificates.of(given)
        async with self._connections.to(access.account.partner, access.partner, certificate) as http:
            yield http, certificate

    async def _fetch_token(self, access: Access, oauth: OAuth) -> FetchedToken:
        """Raises `NotSent` or `Misconfigured`: whatever became of it, no operation was begun."""
        headers = {"Authorization": basic(oauth), "Content-Type": _FORM}
        try:
            return _token_in(await self._send(access, "POST", requests.TOKEN_PATH, headers, _GRANT))
        except (Silence, ResponseTooLong):
            raise NotSent("the bank gives no access token", retry_after_seconds=1) from None


def _oauth(access: Access) -> OAuth | None:
    return access.account.oauth if access.partner.authentication == "oauth2" else None


def _token_owner(access: Access, oauth: OAuth) -> str:
    """Whose tokens these are: with the secret in it, so that nobody who only knows the id uses another's."""
    return f"{access.account.partner}/{oauth.client_id}/{oauth.client_secret}"


async def _exchange(http: httpx.AsyncClient, partner: Partner, request: httpx.Request) -> BankResponse:  # noqa: TID251 - made by `Connections`
    try:
        response, body = await exchange(
            http,
            request,
            provider="the partner bank",
            timeout_seconds=partner.timeout_seconds,
            max_bytes=_MAX_BODY_BYTES,
        )
    except NotSent as error:
        if _is_untrusted(error):
            raise NotSent("nobody whom Malipo trusts vouches for the certificate at the bank's address") from error
        raise
    return BankResponse(response.status_code, body, _seconds(response.headers.get("Retry-After", "")))


def _is_untrusted(error: BaseException) -> bool:
    """Whether no connection was made because the server's certificate was not believed."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, aiohttp.ClientConnectorCertificateError):
            return True
        cause = cause.__cause__
    return False


def _token_in(response: BankResponse) -> FetchedToken:
    if response.status in (_BAD_REQUEST, _UNAUTHORIZED):
        raise Misconfigured("The bank refuses the client_id and client_secret.")
    if response.status == _TOO_MANY:
        raise NotSent("too many access tokens", retry_after_seconds=response.retry_after_seconds or 5)
    try:
        found = ACCESS_TOKENS.decode(response.body) if response.status == _OK else None
    except ValueError:
        found = None
    if found is None or found.expires_in <= 0 or not _is_header(found.access_token):
        raise NotSent("the bank gives no access token", retry_after_seconds=5)
    return FetchedToken(found.access_token, found.expires_in)


def _is_header(text: str) -> bool:
    return bool(text) and text.isascii() and text.isprintable()


def _seconds(retry_after: str) -> float | None:
    """The header as a number of seconds; its other form, a date, is not one that the contract has."""
    return float(retry_after) if re.fullmatch(r"\d{1,6}", retry_after, re.ASCII) else None
