"""The callback inbox: verify, store once, answer within milliseconds; the work is done from the outbox."""

import asyncio

from opentelemetry.trace import SpanKind
from prometheus_client import Counter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from malipo import clock
from malipo.contracts.outcomes import OutcomeReported
from malipo.contracts.topics import OUTCOMES
from malipo.messaging.database import AWAY
from malipo.messaging.unit import Unit, Units
from malipo.platform import logs, tracing
from malipo.platform.logs import log
from malipo.platform.secrets import SecretUnreadable
from malipo.providers.attempts import Attempts, Original
from malipo.providers.credentials import Credentials, Owned
from malipo.providers.errors import BadSignature
from malipo.providers.integrity import checked
from malipo.providers.provider import Callback, Order, Provider, Reading, Word, kind_of

MAX_BODY_BYTES = 256 * 1024
_READ_SECONDS = 10.0

CALLBACKS = Counter(
    "malipo_provider_callbacks",
    "Callbacks by what became of them: `stored`, `duplicate`, `not_ours`, or why they were refused.",
    ("provider", "result"),
)


class Callbacks:
    """`POST /callbacks/<provider>/<credential id>`: the credential says whose account and whose signature it is.

    Answers 200 once the outcomes are stored, 200 again for a repeat, 401 for what is not genuine, 404 for an unknown
    address, 408 and 413 beyond the limits, and 503 while the database is away or the credential cannot be opened, so
    that the provider comes again.

    A callback names an operation in words that the owner of the account could have written himself. It is believed
    only about an operation that was attempted for this merchant in this mode, and payment and trace are the attempt's.
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
            return await self._take(request.path_params["credential_id"], Callback(dict(request.headers), body))
        except (*AWAY, SecretUnreadable) as error:
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
        return self._answer(200, await self._store(credential_id, owned, reading))

    async def _store(self, credential_id: str, owned: Owned, reading: Reading) -> str:
        async with self._units.begin() as unit:
            if not await unit.receive(f"callbacks.{credential_id}", [reading.callback_id]):
                return "duplicate"
            originals = await self._attempts.originals(unit, [word.operation_id for word in reading.words])
            believed = [
                (word, original)
                for word in reading.words
                if (original := originals.get(word.operation_id)) and _is_about(word, original, owned)
            ]
            for word, original in believed:
                self._send(unit, reading.callback_id, word, original)
        return "stored" if believed else "not_ours"

    def _send(self, unit: Unit, callback_id: str, word: Word, original: Original) -> None:
        """Send on what the provider said. It came without a trace, and joins the one of the order that it is about."""
        order = original.order
        logs.concern(order.payment_id, original.headers)
        with tracing.step(
            f"webhook receiver {word.kind}",
            order.payment_id,
            original.headers,
            SpanKind.SERVER,
            provider=self._provider.name,
            operation_id=order.operation_id,
            outcome=type(word.outcome).__name__.lower(),
        ) as headers:
            unit.send(OUTCOMES, order.payment_id, self._report(callback_id, word, order), headers=headers)

    def _report(self, callback_id: str, word: Word, order: Order) -> OutcomeReported:
        return OutcomeReported(
            payment_id=order.payment_id,
            operation_id=order.operation_id,
            kind=word.kind,
            provider=self._provider.name,
            outcome=checked(order, word.outcome),
            source="callback",
            step=order.step,
            callback_id=callback_id,
            observed_at=clock.now(),
        )

    def _answer(self, status: int, result: str) -> Response:
        CALLBACKS.labels(self._provider.name, result).inc()
        return JSONResponse({"result": result}, status)


def _is_about(word: Word, original: Original, owned: Owned) -> bool:
    order, reference = original.order, original.reference
    return (
        (order.merchant_id, order.mode) == (owned.merchant_id, owned.mode)
        and kind_of(order) == word.kind
        and (reference is None or reference == word.outcome.reference)
    )


async def _read(request: Request) -> bytes | None:
    """The body, or None as soon as it is longer than the limit."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)
