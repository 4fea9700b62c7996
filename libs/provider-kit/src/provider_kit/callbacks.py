"""The callback inbox: verify, store once, answer within milliseconds; the work is done from the outbox."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextvars import Context, copy_context
from dataclasses import dataclass, field

import asyncpg
from opentelemetry.trace import SpanKind
from prometheus_client import Counter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from malipo import ids
from malipo.contracts.outcomes import RESULTS, PaymentReceived
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
from provider_kit.credentials import Account, CredentialStore, NoCredentials
from provider_kit.errors import BadSignature, Misconfigured, NotSent
from provider_kit.integrity import checked
from provider_kit.matching import MatchedCallback, match, names_in, storable, unknown_charge
from provider_kit.provider import Callback, CallbackOutcome, ParsedCallback, Provider, Unmatched
from provider_kit.unmatched import CallbackOrigin

MAX_BODY_BYTES = 256 * 1024
_READ_SECONDS = 10.0
_PARSE_SECONDS = 25.0  # of a provider that asks before it believes: no sender waits for longer
_MOST_AT_ONCE = 100
_CREDENTIAL_ID = re.compile(r"\w{1,64}", re.ASCII)

CALLBACKS = Counter(
    "malipo_provider_callbacks",
    "Callbacks by result: `stored`, `duplicate`, `not_ours`, or why they were refused.",
    ("provider", "result"),
)


@dataclass(frozen=True, slots=True)
class _ParsedCallback:
    """A callback that may be stored, and the context of its request: log lines and spans about it belong there."""

    account: Account
    parsed: ParsedCallback
    context: Context = field(default_factory=copy_context, repr=False)

    @property
    def message_id(self) -> str:
        """Callback ids are unique within one account only."""
        return f"{self.account.id}/{self.parsed.callback_id}"


class Callbacks:
    """`POST /callbacks/<provider>/<credential id>`, or another word for the provider: the credential names the account and the secret that verify it.

    Where callbacks are hints, nothing of them verifies them: a token that cannot be guessed ends the address. What they
    report of an operation makes us query it, and only the answer is believed.

    Answers 200 once the callback is stored, 200 again for a repeat, 400 if the provider's `parse_callback` fails, 401 if
    it is not genuine, 404 for an unknown address, 408 and 413 beyond the limits, and 503 while the database is away, the
    credentials cannot be decrypted or the provider cannot be asked about it, so that the provider sends it again. The
    body of a 200 is what the provider waits for, where `parse_callback` has given it.

    A callback names an operation by tags that the owner of the account could have written, too. It is believed only
    about an operation that was attempted for this merchant in this account and mode, and payment and trace are the
    attempt's. What it reports of anything else is kept, too: see `unmatched`.

    No text from outside reaches PostgreSQL that it could not hold.
    """

    def __init__(
        self,
        provider: Provider,
        attempts: Attempts,
        credentials: CredentialStore,
        database: Database,
        nudge: Callable[[], None],
    ) -> None:
        self._provider = provider
        self._name = provider.descriptor.name
        self._path = provider.descriptor.callbacks_at
        self._believes = provider.descriptor.callbacks == "signed"
        self._attempts = attempts
        self._credentials = credentials
        self._database = database
        self._nudge = nudge
        self._inbox = GroupCommit(self._write, most=_MOST_AT_ONCE)

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
            parsed = storable(await self._provider.parse_callback(callback, account.credentials))
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
        return self._answer(200, await self._store(account, parsed), parsed.reply)

    async def _store(self, account: Account, parsed: ParsedCallback) -> str:
        if not (parsed.outcomes or parsed.unmatched or parsed.ask or parsed.opened or parsed.received):
            return "not_ours"  # however often it comes: there is nothing to store
        return await self._inbox.add(_ParsedCallback(account, parsed))

    async def _write(self, callbacks: Sequence[_ParsedCallback]) -> Sequence[str]:
        """Store the callbacks that are new; returns the result of each."""
        first: dict[str, _ParsedCallback] = {}
        for one in callbacks:
            first.setdefault(one.message_id, one)  # the same one may come twice at once
        results: dict[str, str] = {}

        async def store(unit: UnitOfWork, new: Sequence[_ParsedCallback]) -> None:
            results.update(await self._apply(unit, new))

        stored = await self._database.apply_once("callbacks", first, store)
        return [
            results[one.message_id] if one.message_id in stored and first[one.message_id] is one else "duplicate"
            for one in callbacks
        ]

    async def _apply(self, unit: UnitOfWork, callbacks: Sequence[_ParsedCallback]) -> dict[str, str]:
        """Put what these callbacks report into the unit of work; returns the result of each by its message id."""
        names = [names_in(one.parsed) for one in callbacks]
        operation_ids, named = (set[str]().union(*some) for some in zip(*names, strict=True))
        originals = await self._attempts.originals(unit.reads, sorted(operation_ids), sorted(named))
        matched = {
            one.message_id: match(one.parsed, one.account, originals, believe=self._believes) for one in callbacks
        }
        ours = await unmatched.made_here(
            unit.reads, [other for found in matched.values() for other in _left_over(found)]
        )
        for one in callbacks:
            self._publish(unit, one, matched[one.message_id], ours)
        asked = [original for found in matched.values() for original in found.asked]
        self._attempts.ask(unit, asked)
        self._attempts.learn(unit, [pair for found in matched.values() for pair in found.believed])
        if asked:
            unit.after_commit(self._nudge)
        return {name: "stored" if found.is_ours else "not_ours" for name, found in matched.items()}

    def _publish(
        self, unit: UnitOfWork, callback: _ParsedCallback, matched: MatchedCallback, ours: AbstractSet[tuple[str, str]]
    ) -> None:
        """Publish what is believed of one callback, and keep what matches nothing."""
        callback_id = callback.parsed.callback_id
        for reported, original in matched.believed:
            callback.context.run(self._send, unit, callback_id, reported, original)
        for one, original in matched.opened:
            report = reports.opened(one, original.operation.payment_id, self._name, callback_id)
            row = outbox_row(ids.new("msg"), OUTCOMES, report.payment_id, report, original.headers)
            reminders.send_and_remind(unit, row)
        for money in matched.received:
            found = reports.received(money, callback.account, self._name)
            key = found.payment_id if isinstance(found, PaymentReceived) else found.id
            reminders.send_and_remind(unit, outbox_row(ids.new("msg"), OUTCOMES, key, found, {}))
        unmatched.record(unit, CallbackOrigin(self._name, callback.account, callback_id), matched, ours)

    def _send(self, unit: UnitOfWork, callback_id: str, reported: CallbackOutcome, original: OriginalAttempt) -> None:
        """Publish one outcome. The callback came without a trace, and joins that of the operation that it is about."""
        operation = original.operation
        logs.bind_payment(operation.payment_id, original.headers)
        with tracing.span(
            f"webhook receiver {reported.kind}",
            operation.payment_id,
            original.headers,
            SpanKind.SERVER,
            provider=self._name,
            operation_id=operation.operation_id,
            outcome=RESULTS[type(reported.outcome)],
        ) as headers:
            report = reports.from_callback(operation, self._name, checked(operation, reported.outcome), callback_id)
            reminders.send_and_remind(unit, outbox_row(ids.new("msg"), OUTCOMES, operation.payment_id, report, headers))

    def _answer(self, status: int, result: str, reply: Mapping[str, object] | None = None) -> Response:
        CALLBACKS.labels(self._name, result).inc()
        return JSONResponse({"result": result} if reply is None else dict(reply), status)


def _left_over(matched: MatchedCallback) -> Sequence[Unmatched]:
    return [*matched.unmatched, *map(unknown_charge, matched.unopened)]


async def _read(request: Request) -> bytes | None:
    """The body, or None as soon as it is longer than the limit."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)
