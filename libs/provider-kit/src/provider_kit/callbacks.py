"""The callback inbox: verify, store once, answer within milliseconds; the work is done from the outbox."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass, field

import asyncpg
from opentelemetry.trace import SpanKind
from prometheus_client import Counter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from malipo import ids
from malipo.contracts.outcomes import RESULTS
from malipo.contracts.topics import OUTCOMES
from malipo.messaging.database import Database
from malipo.messaging.group_commit import GroupCommit
from malipo.messaging.pool import AWAY
from malipo.messaging.unit_of_work import UnitOfWork, outbox_row
from malipo.platform import logs, tracing
from malipo.platform.logs import log
from malipo.platform.secrets import SecretUnreadable
from provider_kit import reminders, reports, unmatched
from provider_kit.attempt_rows import OriginalAttempt
from provider_kit.attempts import Attempts
from provider_kit.credentials import CredentialStore, MerchantCredentials, NoCredentials
from provider_kit.errors import BadSignature
from provider_kit.integrity import checked
from provider_kit.provider import Callback, CallbackOutcome, ParsedCallback, Provider, Unmatched, kind_of
from provider_kit.unmatched import CallbackOrigin

MAX_BODY_BYTES = 256 * 1024
_READ_SECONDS = 10.0
_MOST_AT_ONCE = 100
_CREDENTIAL_ID = re.compile(r"\w{1,64}", re.ASCII)

CALLBACKS = Counter(
    "malipo_provider_callbacks",
    "Callbacks by result: `stored`, `duplicate`, `not_ours`, or why they were refused.",
    ("provider", "result"),
)


@dataclass(frozen=True, slots=True)
class _GenuineCallback:
    """A genuine callback, and the context of its request: log lines and spans about it belong there."""

    credential_id: str
    merchant: MerchantCredentials
    parsed: ParsedCallback
    context: Context = field(default_factory=copy_context, repr=False)

    @property
    def message_id(self) -> str:
        """Callback ids are unique within one account only."""
        return f"{self.credential_id}/{self.parsed.callback_id}"


class Callbacks:
    """`POST /callbacks/<provider>/<credential id>`: the credential names the account and the secret that verify it.

    Answers 200 once the callback is stored, 200 again for a repeat, 400 if the provider's `parse_callback` fails, 401 if
    it is not genuine, 404 for an unknown address, 408 and 413 beyond the limits, and 503 while the database is away or
    the credentials cannot be decrypted, so that the provider sends it again.

    A callback names an operation by tags that the owner of the account could have written, too. It is believed only
    about an operation that was attempted for this merchant in this mode, and payment and trace are the attempt's.
    What it reports of anything else is kept, too: see `unmatched`.

    No text from outside reaches PostgreSQL that it could not hold.
    """

    def __init__(
        self, provider: Provider, attempts: Attempts, credentials: CredentialStore, database: Database
    ) -> None:
        self._provider = provider
        self._attempts = attempts
        self._credentials = credentials
        self._database = database
        self._inbox = GroupCommit(self._write, most=_MOST_AT_ONCE)

    def route(self) -> Route:
        """The route to mount."""
        return Route(f"/callbacks/{self._provider.name}/{{credential_id}}", self._receive, methods=["POST"])

    async def _receive(self, request: Request) -> Response:
        credential_id = request.path_params["credential_id"]
        if not _CREDENTIAL_ID.fullmatch(credential_id):
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
            return await self._verify_and_store(credential_id, Callback(dict(request.headers), body))
        except (*AWAY, asyncpg.PostgresError, SecretUnreadable) as error:
            log.warning("callback not stored", error=type(error).__name__)
            return self._answer(503, "unavailable")

    async def _verify_and_store(self, credential_id: str, callback: Callback) -> Response:
        try:
            merchant = await self._credentials.by_id(credential_id)
            parsed = unmatched.held(self._provider.parse_callback(callback, merchant.credentials))
        except NoCredentials:
            return self._answer(404, "unknown_address")
        except BadSignature as error:
            log.warning("callback refused", credential_id=credential_id, reason=str(error))
            return self._answer(401, "bad_signature")
        except (*AWAY, SecretUnreadable):
            raise
        except Exception as error:  # noqa: BLE001 - a bug of ours, whose text may quote the callback
            log.error("callback cannot be read", credential_id=credential_id, error=type(error).__name__)
            return self._answer(400, "unreadable")
        return self._answer(200, await self._store(credential_id, merchant, parsed))

    async def _store(self, credential_id: str, merchant: MerchantCredentials, parsed: ParsedCallback) -> str:
        if not parsed.outcomes and not parsed.unmatched:
            return "not_ours"  # however often it comes: there is nothing to store
        return await self._inbox.add(_GenuineCallback(credential_id, merchant, parsed))

    async def _write(self, callbacks: Sequence[_GenuineCallback]) -> Sequence[str]:
        """Store the callbacks that are new; returns the result of each."""
        first: dict[str, _GenuineCallback] = {}
        for one in callbacks:
            first.setdefault(one.message_id, one)  # the same one may come twice at once
        results: dict[str, str] = {}

        async def store(unit: UnitOfWork, new: Sequence[_GenuineCallback]) -> None:
            operation_ids = [reported.operation_id for one in new for reported in one.parsed.outcomes]
            originals = await self._attempts.originals(unit.reads, operation_ids)
            left = {one.message_id: _unmatched_in(one, originals) for one in new}
            ours = await unmatched.made_here(unit.reads, [other for others in left.values() for other in others])
            for one in new:
                origin = CallbackOrigin(one.credential_id, one.merchant, one.parsed.callback_id)
                unmatched.record(unit, self._provider.name, origin, left[one.message_id], ours)
            results.update({one.message_id: self._publish(unit, one, originals) for one in new})

        stored = await self._database.apply_once("callbacks", first, store)
        return [
            results[one.message_id] if one.message_id in stored and first[one.message_id] is one else "duplicate"
            for one in callbacks
        ]

    def _publish(self, unit: UnitOfWork, callback: _GenuineCallback, originals: Mapping[str, OriginalAttempt]) -> str:
        """Publish the outcomes that are believed; returns the callback's result."""
        believed = _believed(callback, originals)
        for reported, original in believed:
            callback.context.run(self._send, unit, callback.parsed.callback_id, reported, original)
        return "stored" if believed else "not_ours"

    def _send(self, unit: UnitOfWork, callback_id: str, reported: CallbackOutcome, original: OriginalAttempt) -> None:
        """Publish one outcome. The callback came without a trace, and joins that of the operation that it is about."""
        operation = original.operation
        logs.bind_payment(operation.payment_id, original.headers)
        with tracing.span(
            f"webhook receiver {reported.kind}",
            operation.payment_id,
            original.headers,
            SpanKind.SERVER,
            provider=self._provider.name,
            operation_id=operation.operation_id,
            outcome=RESULTS[type(reported.outcome)],
        ) as headers:
            report = reports.from_callback(
                operation, self._provider.name, checked(operation, reported.outcome), callback_id
            )
            reminders.send_and_remind(unit, outbox_row(ids.new("msg"), OUTCOMES, operation.payment_id, report, headers))

    def _answer(self, status: int, result: str) -> Response:
        CALLBACKS.labels(self._provider.name, result).inc()
        return JSONResponse({"result": result}, status)


def _believed(
    callback: _GenuineCallback, originals: Mapping[str, OriginalAttempt]
) -> Sequence[tuple[CallbackOutcome, OriginalAttempt]]:
    return [
        (reported, original)
        for reported in callback.parsed.outcomes
        if (original := originals.get(reported.operation_id)) and _is_about(reported, original, callback.merchant)
    ]


def _unmatched_in(callback: _GenuineCallback, originals: Mapping[str, OriginalAttempt]) -> Sequence[Unmatched]:
    """What the callback reports beside what is believed of it."""
    believed = [reported for reported, _ in _believed(callback, originals)]
    return [
        *callback.parsed.unmatched,
        *[unmatched.unknown_operation(reported) for reported in callback.parsed.outcomes if reported not in believed],
    ]


def _is_about(reported: CallbackOutcome, original: OriginalAttempt, merchant: MerchantCredentials) -> bool:
    operation, reference = original.operation, original.reference
    return (
        (operation.merchant_id, operation.mode) == (merchant.merchant_id, merchant.mode)
        and kind_of(operation) == reported.kind
        and (reference is None or reference == reported.outcome.reference)
    )


async def _read(request: Request) -> bytes | None:
    """The body, or None as soon as it is longer than the limit."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)
