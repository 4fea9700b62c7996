"""The callback inbox: verify, store once, answer within milliseconds; the work is done from the outbox."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import NamedTuple

import asyncpg
from prometheus_client import Counter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from http_limits.remote import Networks, belongs
from malipo import clock
from malipo.messaging.pool import AWAY
from malipo.platform.callback_paths import read_account, read_own_path
from malipo.platform.logs import log
from malipo.platform.metrics import WEBHOOK_LATENCY_SECONDS
from malipo.platform.secrets import SecretUnreadable
from provider_kit.credentials import Account, CredentialStore, NoCredentials
from provider_kit.door import Door
from provider_kit.errors import BadSignature, Misconfigured, NotSent, Stale
from provider_kit.provider import Addressed, Callback, Provider, References, fingerprint
from provider_kit.shared import SharedAddress
from provider_kit.turns import Turns

MAX_BODY_BYTES = 256 * 1024
_READ_SECONDS = 10.0
_PARSE_SECONDS = 25.0  # of a provider that asks before it believes: no sender waits for longer
_OK = 200
_BEST_FIRST = (200, 503, 400, 401, 404)
"""Of what the accounts of one name have made of a callback, what its sender is told: taken once is enough."""
_OF_ONE_ACCOUNT = (SecretUnreadable, NotSent, Misconfigured)
"""Why it cannot be told now whether a callback is genuine, though another account may know."""
_UNAVAILABLE = (*AWAY, asyncpg.PostgresError, *_OF_ONE_ACCOUNT)
_CREDENTIAL_ID = re.compile(r"\w{1,64}", re.ASCII)

CALLBACKS = Counter(
    "malipo_provider_callbacks",
    "Callbacks by result: `stored`, `duplicate`, `not_ours`, or why they were refused.",
    ("provider", "result"),
)


class _Address(NamedTuple):
    """An account's address, be it one of its further ones, or the own address of a request of an operation."""

    credential_id: str
    operation_id: str = ""
    request: str = ""
    word: str = ""


class _Result(NamedTuple):
    """What became of a callback, and the response's status. `reply` is its body, where the provider waits for one."""

    status: int
    name: str
    reply: Mapping[str, object] | None = None


class Callbacks:
    """`POST /callbacks/<provider>/<credential id>`, or another word for the provider: the credential names the account and the secret that verify it.

    Where callbacks are hints, nothing of them verifies them: a token that cannot be guessed ends the address, in which the
    credential's id is in hexadecimal digits. What they report of an operation makes us query it, and only the answer is
    believed.

    Answers 200 once the callback is stored, 200 again for a repeat, 400 if the provider's `parse_callback` fails, 401 if
    it is not genuine, 403 to a sender that is not in `senders`, 404 for an unknown address, 408 and 413 beyond the limits, and 503 while the database is away, the
    credentials cannot be decrypted or the provider cannot be asked about it, so that the provider sends it again. The
    body of a 200 is what the provider waits for, where `parse_callback` has given it.

    Behind the account's path one of the descriptor's `account_words` may stand (`Callback.word`). The own addresses of
    requests go on there, too: `/<operation and request>/<token>`. What comes there is about that operation, whether or not
    the request was answered (`Callback.about`).

    What comes to the descriptor's `shared_callbacks_at` names its account itself (`shared`). Each account of that name is
    tried as if it had come to its own address, and one account at the provider takes it once; 404 if none has the name.

    Where statements are read, `hasten` has an account's looked at soon, if `parse_callback` says so.

    A callback names an operation by tags that the owner of the account could have written, too: see `Door`.

    No text from outside reaches PostgreSQL that it could not hold.
    """

    def __init__(
        self,
        provider: Provider,
        credentials: CredentialStore,
        door: Door,
        *,
        senders: Networks = (),
        hasten: Callable[[Account], Awaitable[None]] | None = None,
        shared: SharedAddress | None = None,
    ) -> None:
        self._provider = provider
        self._descriptor = provider.descriptor
        self._name = provider.descriptor.name
        self._believes = provider.descriptor.callbacks == "signed"
        self._credentials = credentials
        self._door = door
        self._senders = senders
        self._hasten = hasten
        self._shared = shared
        self._turns = Turns(limited=not self._believes)
        self._counted = cache(partial(CALLBACKS.labels, self._name))
        self._latency_seconds = WEBHOOK_LATENCY_SECONDS.labels("in")

    def route(self) -> Route:
        """The route of the accounts' addresses."""
        at = f"{self._descriptor.callbacks_at}{{address:path}}"
        return Route(at, _Endpoint(self._receive), methods=["POST"])

    def routes(self) -> Sequence[Route]:
        """The routes to mount."""
        at = self._descriptor.shared_callbacks_at
        if not at or self._shared is None:
            return [self.route()]
        receive = _Endpoint(partial(self._receive_shared, self._shared))
        return [self.route(), Route(at, receive, methods=["POST"])]

    async def _receive(self, request: Request) -> Response:
        try:
            address = self._read(request.path_params["address"])
        except ValueError:
            return self._answer(_Result(404, "unknown_address"))  # unread
        return await self._respond(request, partial(self._store, address))

    async def _receive_shared(self, shared: SharedAddress, request: Request) -> Response:
        return await self._respond(request, partial(self._find_and_store, shared))

    async def _respond(self, request: Request, take: Callable[[Callback], Awaitable[_Result]]) -> Response:
        if not self._admits(request):
            return self._answer(_Result(403, "unlisted_sender"))  # unread, too
        arrived_at = clock.now()
        try:
            async with asyncio.timeout(_READ_SECONDS):
                body = await _read(request)
        except TimeoutError:
            return self._answer(_Result(408, "too_slow"))
        except ClientDisconnect:
            return self._answer(_Result(400, "cut_short"))
        if body is None:
            return self._answer(_Result(413, "too_large"))
        try:
            async with asyncio.timeout(_PARSE_SECONDS):
                return self._answer(await take(Callback(_headers(request), body, arrived_at=arrived_at)))
        except _UNAVAILABLE as error:
            log.warning("callback not stored", error=type(error).__name__)
            return self._answer(_Result(503, "unavailable"))

    def _admits(self, request: Request) -> bool:
        """Whether the sender is one of those that are listed, if any are."""
        sender = request.client.host if request.client else ""
        admitted = not self._senders or belongs(sender, self._senders)
        if not admitted:
            log.warning("callback refused", sender=sender, reason="not a listed sender")
        return admitted

    def _read(self, text: str) -> _Address:
        """The address. Raises `ValueError` for one that we have given nobody."""
        named, *rest = text.split("/")
        token = None if self._believes else next(iter(rest), "")
        credential_id = read_account(self._descriptor, named)
        if not _CREDENTIAL_ID.fullmatch(credential_id) or not self._credentials.admits(credential_id, token):
            raise ValueError
        return self._behind(credential_id, rest if token is None else rest[1:])

    def _behind(self, credential_id: str, rest: Sequence[str]) -> _Address:
        """What the address says behind the account's path: nothing, a word of the account's, or a request and its token."""
        match rest:
            case []:
                return _Address(credential_id)
            case [word] if word in self._descriptor.account_words:
                return _Address(credential_id, word=word)
            case [named, token]:
                operation_id, request = read_own_path(named)
                if self._credentials.admits_own(credential_id, operation_id, request, token):
                    return _Address(credential_id, operation_id, request)
            case _:
                pass
        raise ValueError

    async def _find_and_store(self, shared: SharedAddress, callback: Callback) -> _Result:
        """Try it with each account that it names; the best of what becomes of it is the answer."""
        try:
            credential_ids = await self._credentials.named(shared.named_in(callback))
        except BadSignature as error:
            return self._refused(error)
        taken_by = list[Account]()
        results = [await self._try(one, callback, taken_by) for one in credential_ids]
        return min(results, key=lambda result: _BEST_FIRST.index(result.status), default=_Result(404, "unknown_key"))

    async def _try(self, credential_id: str, callback: Callback, taken_by: list[Account]) -> _Result:
        """What this account makes of it, unless the same one at the provider has taken it under another label."""
        try:
            account = await self._credentials.by_id(credential_id)
            if taken_by and self._at_provider(account) in map(self._at_provider, taken_by):
                return _Result(_OK, "duplicate")
            result = await self._verify_and_store(account, _Address(credential_id), callback)
        except NoCredentials:
            return _Result(404, "unknown_key")
        except _OF_ONE_ACCOUNT as error:
            log.warning("callback not verified", credential_id=credential_id, error=type(error).__name__)
            return _Result(503, "unavailable")
        if result.status == _OK:
            taken_by.append(account)
        return result

    def _at_provider(self, account: Account) -> str:
        """What names the account there, whichever of its merchant's labels it is: it takes a callback once."""
        return f"{account.merchant_id}/{account.mode}/{fingerprint(self._provider, account.credentials)}"

    async def _store(self, address: _Address, callback: Callback) -> _Result:
        try:
            account = await self._credentials.by_id(address.credential_id)
        except NoCredentials:
            return _Result(404, "unknown_address")
        return await self._verify_and_store(account, address, callback)

    async def _verify_and_store(self, account: Account, address: _Address, callback: Callback) -> _Result:
        try:
            about = await self._about(account, address)
            callback = replace(callback, word=address.word, about=about, mode=account.mode)
            async with self._turns.of(account.id):
                parsed = await self._provider.parse_callback(callback, account.credentials)
        except NoCredentials:
            return _Result(404, "unknown_address")
        except BadSignature as error:
            return self._refused(error, credential_id=account.id)
        except _UNAVAILABLE:
            raise
        except Exception as error:  # noqa: BLE001 - a bug of ours, whose text may quote the callback
            log.error("callback cannot be read", credential_id=account.id, error=type(error).__name__)
            return _Result(400, "unreadable")
        result = await self._door.take(account, parsed, believed=self._believes, about=callback.about)
        if result == "stored":
            since = parsed.happened_at or callback.arrived_at
            self._latency_seconds.observe(max((clock.now() - since).total_seconds(), 0))
        if parsed.hastens and self._hasten is not None:
            await self._hasten(account)
        return _Result(_OK, result, parsed.reply)

    def _refused(self, error: BadSignature, **about: str) -> _Result:
        log.warning("callback refused", reason=str(error), **about)
        return _Result(401, "stale" if isinstance(error, Stale) else "bad_signature")

    async def _about(self, account: Account, address: _Address) -> Addressed | None:
        """The operation whose own address it is. Raises `NoCredentials` if the account has no such operation."""
        if not address.operation_id:
            return None
        original = await self._door.find(account, address.operation_id)
        if original is None:
            raise NoCredentials
        references = References(original.references, claims=original.claims)
        return Addressed(original.operation, address.request, references, failed=original.failed)

    def _answer(self, result: _Result) -> Response:
        self._counted(result.name).inc()
        if result.reply is None:
            return _plain(result.status, result.name)
        return JSONResponse(dict(result.reply), result.status)


class _Endpoint:
    """What a route calls as it is. Around a function Starlette would wrap what handles exceptions of its own: none are raised."""

    def __init__(self, receive: Callable[[Request], Awaitable[Response]]) -> None:
        self._receive = receive

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._receive(Request(scope, receive))
        await response(scope, receive, send)


@cache
def _plain(status: int, name: str) -> Response:
    """The same for all that have this result."""
    return JSONResponse({"result": name}, status)


def _headers(request: Request) -> dict[str, str]:
    """By name, the first of each: to look each up by itself would read all of them for each."""
    return dict(reversed(request.headers.items()))


async def _read(request: Request) -> bytes | None:
    """The body, or None as soon as it is longer than the limit."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)
