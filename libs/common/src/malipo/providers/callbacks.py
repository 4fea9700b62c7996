"""The callback inbox: verify, store once, answer within milliseconds; the work is done from the outbox."""

from collections.abc import Sequence

import asyncpg
from prometheus_client import Counter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from malipo import clock
from malipo.contracts.outcomes import OutcomeReported
from malipo.contracts.topics import OUTCOMES
from malipo.messaging.database import AWAY
from malipo.messaging.unit import Units
from malipo.platform.logs import log
from malipo.platform.tracing import carrier
from malipo.providers.attempts import Attempts
from malipo.providers.credentials import Credentials
from malipo.providers.errors import BadSignature
from malipo.providers.provider import Callback, Provider, Reading

MAX_BODY_BYTES = 256 * 1024

CALLBACKS = Counter("malipo_provider_callbacks", "Callbacks by what became of them.", ("provider", "result"))


class Callbacks:
    """`POST /callbacks/<provider>/<credential id>`: the credential says whose account and whose signature it is.

    Answers 200 once the outcomes are stored, 200 again for a repeat, 401 for what is not genuine, 404 for an unknown
    address, 413 above the limit, and 503 while the database is away, so that the provider comes again.
    """

    def __init__(self, provider: Provider, attempts: Attempts, credentials: Credentials, units: Units) -> None:
        self._provider = provider
        self._attempts = attempts
        self._credentials = credentials
        self._units = units

    def route(self) -> Route:
        """The route to mount."""
        return Route(f"/callbacks/{self._provider.name}/{{credential_id}}", self._receive, methods=["POST"])

    async def _receive(self, request: Request) -> Response:
        body = await _read(request)
        if body is None:
            return self._answer(413, "too_large")
        try:
            return await self._take(request.path_params["credential_id"], Callback(dict(request.headers), body))
        except (*AWAY, asyncpg.InterfaceError) as error:
            log.warning("callback not stored", error=repr(error))
            return self._answer(503, "unavailable")

    async def _take(self, credential_id: str, callback: Callback) -> Response:
        owned = await self._credentials.by_id(credential_id)
        if owned is None:
            return self._answer(404, "unknown_address")
        try:
            reading = self._provider.read_callback(callback, owned.account)
        except BadSignature as error:
            log.warning("callback refused", credential_id=credential_id, reason=str(error))
            return self._answer(401, "bad_signature")
        return self._answer(200, await self._store(credential_id, owned.merchant_id, reading))

    async def _store(self, credential_id: str, merchant_id: str, reading: Reading) -> str:
        async with self._units.begin() as unit:
            if not await unit.receive(f"callbacks.{credential_id}", [reading.callback_id]):
                return "duplicate"
            ours = await self._attempts.ours(unit, [word.operation_id for word in reading.words], merchant_id)
            reports = self._reports(reading, ours)
            for report in reports:
                unit.send(OUTCOMES, report.payment_id, report, headers=carrier())
        return "stored" if reports else "not_ours"

    def _reports(self, reading: Reading, ours: set[str]) -> Sequence[OutcomeReported]:
        return [
            OutcomeReported(
                payment_id=word.payment_id,
                operation_id=word.operation_id,
                kind=word.kind,
                provider=self._provider.name,
                outcome=word.outcome,
                source="callback",
                observed_at=clock.now(),
            )
            for word in reading.words
            if word.operation_id in ours
        ]

    def _answer(self, status: int, result: str) -> Response:
        CALLBACKS.labels(self._provider.name, result).inc()
        return JSONResponse({"result": result}, status)


async def _read(request: Request) -> bytes | None:
    """The body, or None as soon as it is longer than the limit."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)
