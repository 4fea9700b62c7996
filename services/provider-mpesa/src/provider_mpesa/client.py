"""M-Pesa on the wire: authenticated requests with every limit set, tokens that replicas share, and pauses that it asks for."""

import asyncio
import re
from collections.abc import Mapping
from functools import partial

import httpx
import msgspec

from malipo.contracts.commands import Mode
from provider_kit.errors import Misconfigured, NotReady, NotSent
from provider_kit.sending import exchange, nothing_begun
from provider_kit.tokens import FetchedToken, TokenRefused, TokenSource
from provider_mpesa import requests
from provider_mpesa.account import MpesaAccount
from provider_mpesa.answers import credentials_refused, held_off, lacks_product, pause_of, token_refused
from provider_mpesa.objects import TOKEN, MpesaResponse, text_of
from provider_mpesa.pauses import PauseKeeper
from provider_mpesa.requests import Body

HOSTS: Mapping[Mode, str] = {"test": "https://sandbox.safaricom.co.ke", "live": "https://api.safaricom.co.ke"}

_MAX_BODY_BYTES = 1024 * 1024
_LIFE_SECONDS = 3599  # of a token whose life is not told (Authorization, "Response Body")
_HELD_OFF_SECONDS = 10.0
_OK = 200
_NO_PRODUCT = "The app at Daraja lacks a product: add the one of this request in the portal."


class MpesaClient:
    """Daraja, M-Pesa's API. `hosts` are its addresses by mode, without a path."""

    def __init__(
        self,
        http: httpx.AsyncClient,  # noqa: TID251 - made elsewhere
        tokens: TokenSource,
        pauses: PauseKeeper,
        *,
        hosts: Mapping[Mode, str],
        timeout_seconds: float,
    ) -> None:
        self._http = http
        self._tokens = tokens
        self._pauses = pauses
        self._hosts = hosts
        self._timeout_seconds = timeout_seconds

    async def ready(self, account: MpesaAccount, path: str) -> None:
        """Have at hand what a request needs, and see to it that none of this kind has to wait. Raises `NotSent` or `Misconfigured`."""
        await self._pauses.require_none(_kind(account, path))
        await self._tokens.ready(account.app, partial(self._fetch_token, account))

    async def call(self, account: MpesaAccount, path: str, body: Body) -> MpesaResponse:
        """The response to a request with this body. A refused token is fetched anew once.

        Raises `NotSent`, also where M-Pesa's gateway says that it has turned the request away, `Misconfigured`, `Silence` or
        `ResponseTooLong`.
        """
        await self._pauses.require_none(_kind(account, path))
        fetch = partial(self._fetch_token, account)
        response = await self._tokens.using(account.app, fetch, partial(self._post, account, path, body))
        await self._keep_pause(account, path, response)
        return response

    async def turn(self, account: MpesaAccount, seconds: float) -> None:
        """Wait until it is the app's turn, if all who wait for that are so far apart. Raises `NotReady`."""
        await asyncio.sleep(await self._pauses.turn(account.app, seconds))

    async def _post(self, account: MpesaAccount, path: str, body: Body, token: str) -> MpesaResponse:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        url = f"{self._hosts[account.mode]}{path}"
        request = self._http.build_request("POST", url, content=msgspec.json.encode(body), headers=headers)
        response = await self._exchange(request)
        if held_off(response):
            raise NotSent("Safaricom's firewall has refused the request", retry_after_seconds=_HELD_OFF_SECONDS)
        if lacks_product(response):
            raise Misconfigured(_NO_PRODUCT)
        if token_refused(response):
            raise TokenRefused
        return response

    async def _fetch_token(self, account: MpesaAccount) -> FetchedToken:
        """Raises `NotSent` or `Misconfigured`: whatever became of it, no operation was begun."""
        await self._pauses.require_none(_kind(account, requests.TOKEN))
        request = self._http.build_request(
            "GET",
            f"{self._hosts[account.mode]}{requests.TOKEN}",
            params={"grant_type": "client_credentials"},
            headers={"Authorization": f"Basic {account.basic}"},
        )
        with nothing_begun("no access token from M-Pesa"):
            response = await self._exchange(request)
        await self._keep_pause(account, requests.TOKEN, response)
        return _token(response)

    async def _keep_pause(self, account: MpesaAccount, path: str, response: MpesaResponse) -> None:
        """Raise `NotReady`, and have all replicas pause with such requests, if M-Pesa's gateway has turned this one away."""
        if pause := pause_of(response):
            seconds = await self._pauses.begin(_kind(account, path), pause)
            raise NotReady("M-Pesa takes no more requests for now", retry_after_seconds=seconds)

    async def _exchange(self, request: httpx.Request) -> MpesaResponse:
        response, body = await exchange(
            self._http,
            request,
            provider="M-Pesa",
            timeout_seconds=self._timeout_seconds,
            max_bytes=_MAX_BODY_BYTES,
        )
        return MpesaResponse(response.status_code, body)


def _kind(account: MpesaAccount, path: str) -> str:
    """What pauses together: an app's requests of one kind. A prompt that is turned away holds up no query of what was paid."""
    return f"{path} {account.app}"


def _token(response: MpesaResponse) -> FetchedToken:
    """The token in a response. Raises `Misconfigured` or `NotSent`."""
    try:
        found = TOKEN.decode(response.body) if response.status == _OK else None
    except ValueError:
        found = None
    if found is None and credentials_refused(response):
        raise Misconfigured("M-Pesa refuses the consumer_key and consumer_secret.")
    if found is None or found.bearer is None:
        raise NotSent("no access token from M-Pesa")
    told = text_of(found.expires_in)
    return FetchedToken(found.bearer, int(told) if re.fullmatch("[0-9]{1,6}", told) else _LIFE_SECONDS)
