"""The callback inbox: verify, store once, answer within milliseconds; the work is done from the outbox."""

import asyncio
import re
from collections.abc import Mapping

import asyncpg
from prometheus_client import Counter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from malipo.messaging.pool import AWAY
from malipo.platform.logs import log
from malipo.platform.secrets import SecretUnreadable
from provider_kit.credentials import CredentialStore, NoCredentials
from provider_kit.door import Door
from provider_kit.errors import BadSignature, Misconfigured, NotSent
from provider_kit.provider import Callback, Provider

MAX_BODY_BYTES = 256 * 1024
_READ_SECONDS = 10.0
_PARSE_SECONDS = 25.0  # of a provider that asks before it believes: no sender waits for longer
_CREDENTIAL_ID = re.compile(r"\w{1,64}", re.ASCII)

CALLBACKS = Counter(
    "malipo_provider_callbacks",
    "Callbacks by result: `stored`, `duplicate`, `not_ours`, or why they were refused.",
    ("provider", "result"),
)


class Callbacks:
    """`POST /callbacks/<provider>/<credential id>`, or another word for the provider: the credential names the account and the secret that verify it.

    Where callbacks are hints, nothing of them verifies them: a token that cannot be guessed ends the address. What they
    report of an operation makes us query it, and only the answer is believed.

    Answers 200 once the callback is stored, 200 again for a repeat, 400 if the provider's `parse_callback` fails, 401 if
    it is not genuine, 404 for an unknown address, 408 and 413 beyond the limits, and 503 while the database is away, the
    credentials cannot be decrypted or the provider cannot be asked about it, so that the provider sends it again. The
    body of a 200 is what the provider waits for, where `parse_callback` has given it.

    A callback names an operation by tags that the owner of the account could have written, too: see `Door`.

    No text from outside reaches PostgreSQL that it could not hold.
    """

    def __init__(self, provider: Provider, credentials: CredentialStore, door: Door) -> None:
        self._provider = provider
        self._name = provider.descriptor.name
        self._path = provider.descriptor.callbacks_at
        self._believes = provider.descriptor.callbacks == "signed"
        self._credentials = credentials
        self._door = door

    def route(self) -> Route:
        """The route to mount."""
        token = "" if self._believes else "/{token}"
        return Route(f"{self._path}{{credential_id}}{token}", self._receive, methods=["POST"])

    async def _receive(self, request: Request) -> Response:
        credential_id, token = request.path_params["credential_id"], request.path_params.get("token")
        if not _CREDENTIAL_ID.fullmatch(credential_id) or not self._credentials.admits(credential_id, token):
            return self._answer(404, "unknown_address")  # unread
        try:
            async with asyncio.timeout(_READ_SECONDS):
                body = await _read(request)
        except TimeoutError:
            return self._answer(408, "too_slow")
        except ClientDisconnect:
            return self._answer(400, "cut_short")
        if body is None:
            return self._answer(413, "too_large")
        try:
            async with asyncio.timeout(_PARSE_SECONDS):
                return await self._verify_and_store(credential_id, Callback(dict(request.headers), body))
        except (*AWAY, asyncpg.PostgresError, SecretUnreadable, NotSent, Misconfigured) as error:
            log.warning("callback not stored", error=type(error).__name__)
            return self._answer(503, "unavailable")

    async def _verify_and_store(self, credential_id: str, callback: Callback) -> Response:
        try:
            account = await self._credentials.by_id(credential_id)
            parsed = await self._provider.parse_callback(callback, account.credentials)
        except NoCredentials:
            return self._answer(404, "unknown_address")
        except BadSignature as error:
            log.warning("callback refused", credential_id=credential_id, reason=str(error))
            return self._answer(401, "bad_signature")
        except (*AWAY, SecretUnreadable, NotSent, Misconfigured):
            raise
        except Exception as error:  # noqa: BLE001 - a bug of ours, whose text may quote the callback
            log.error("callback cannot be read", credential_id=credential_id, error=type(error).__name__)
            return self._answer(400, "unreadable")
        return self._answer(200, await self._door.take(account, parsed, believed=self._believes), parsed.reply)

    def _answer(self, status: int, result: str, reply: Mapping[str, object] | None = None) -> Response:
        CALLBACKS.labels(self._name, result).inc()
        return JSONResponse({"result": result} if reply is None else dict(reply), status)


async def _read(request: Request) -> bytes | None:
    """The body, or None as soon as it is longer than the limit."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)
