"""What routes ask of a request before their own work: who calls, which key, how long to wait, the body."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

import msgspec
from fastapi import Depends, Header, Request, Security
from fastapi.security import APIKeyHeader
from pydantic import BaseModel
from starlette.responses import Response

from gateway import store_payments
from gateway.audit import Entry
from gateway.auth import Caller, Decision, Scope
from gateway.cards import mentions_card_number
from gateway.entries import Origin
from gateway.http_envelope import about, answer_headers, request_id
from gateway.idempotency import Done, Sending
from gateway.parts import Parts, PartsOf
from gateway.problems import Problem
from gateway.ratelimit import UNRECORDED
from gateway.schemas import IDEMPOTENCY_KEY, Body
from gateway.validation import parse, require_text, shown
from http_limits.remote import network_of
from malipo import clock, ids
from malipo.contracts.events import PaymentView
from malipo.platform.tracing import CLIENT_REF, carrier

RETRY_AFTER_SECONDS: Final = "1"
"""When to look again at what was accepted and is still under way."""

MAX_BODY_BYTES = 64 * 1024
MAX_WAIT_SECONDS = 10
_LENGTH_DIGITS = 10  # Python refuses to read thousands of them
_BODY_SECONDS = 10
_SINGLE_HEADERS = ("x-api-key", "content-type", "content-encoding")
_KEY = re.compile(IDEMPOTENCY_KEY)
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})\"?(?:$|[,;\s])", re.IGNORECASE)
_RESPOND_ASYNC = re.compile(r"(?:^|[,;\s])respond-async(?:$|[,;\s])", re.IGNORECASE)

_API_KEY = APIKeyHeader(
    name="X-API-Key",
    scheme_name="ApiKey",
    description="`mk_test_...` works on test data alone, `mk_live_...` on live data alone.",
    auto_error=False,
)
_IDEMPOTENCY_KEY = Header(
    alias="Idempotency-Key",
    description=(
        "1 to 255 printable ASCII characters, new for each request and the same for each repeat of it. "
        "Remembered for 7 days."
    ),
)
_PREFER = Header(
    alias="Prefer",
    description="`wait=N`: wait up to N seconds (at most 10) for a first state; `respond-async`: do not wait.",
)


class Gate:
    """Lets a request in: knows the key, records the decision, takes a token of the rate limit, refuses stray parameters.

    Answers who calls. Raises `Problem`; a request that cannot be recorded is not let in.
    """

    def __init__(self, scope: Scope, query: type[BaseModel] | None = None) -> None:
        self._scope: Scope = scope
        self._parameters = frozenset(query.model_fields if query else ())

    async def __call__(
        self, request: Request, parts: PartsOf, api_key: Annotated[str | None, Security(_API_KEY)]
    ) -> Caller:
        decision = await self._decide(request, parts, api_key)
        if decision.caller is None:
            _slow_down(request, parts)
        await parts.audit.record(_entry(request, decision))
        if decision.caller is None:
            assert decision.code is not None
            raise Problem(decision.code, _advice(decision.code, self._scope))
        await _limit(request, parts, decision.caller)
        self._check_parameters(request)
        return decision.caller

    async def _decide(self, request: Request, parts: Parts, api_key: str | None) -> Decision:
        # Which of two values counts, a proxy and we might see differently.
        if any(len(request.headers.getlist(name)) > 1 for name in _SINGLE_HEADERS):
            return Decision(None, "header_repeated")
        return await parts.keys.decide(api_key and api_key.strip(), self._scope)

    def _check_parameters(self, request: Request) -> None:
        names = [name for name, _ in request.query_params.multi_items()]
        if unknown := set(names) - self._parameters:
            raise Problem("parameter_unknown", f"There is no parameter {shown(min(unknown))!r} here.")
        if len(names) != len(set(names)):
            raise Problem("parameter_repeated")
        require_text(request.scope["query_string"])


@dataclass(frozen=True)
class Command:
    """A request that changes something: who asks, with which key, and how long the answer may take."""

    parts: Parts
    caller: Caller
    sending: Sending
    request_id: str
    wait_seconds: float
    preference: str | None = None

    def headers(self, done: Done, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """The answer's headers: whether it is a replay, and which preference was followed."""
        headers = dict(more or {})
        if done.replayed:
            headers["Idempotent-Replayed"] = "true"
        if self.preference is not None:
            headers["Preference-Applied"] = self.preference
        return headers

    def origin(self, client_ref: str | None, operation_id: str | None = None) -> Origin:
        """What is kept of this request beside its command. Takes the current trace: ask in the request's own task."""
        headers = carrier() | ({CLIENT_REF: client_ref} if client_ref is not None else {})
        return Origin(clock.now(), self.sending.route, self.request_id, self.caller.key_id, headers, operation_id)


def command(scope: Scope, *, key_required: bool = False) -> Callable[..., Awaitable[Command]]:
    """The dependency of a route that changes something."""
    gate = Gate(scope)

    async def admit(
        request: Request,
        parts: PartsOf,
        caller: Annotated[Caller, Depends(gate)],
        key: Annotated[str | None, _IDEMPOTENCY_KEY] = None,
    ) -> Command:
        if key is None and key_required:
            raise Problem("idempotency_key_missing")
        if len(request.headers.getlist("idempotency-key")) > 1:
            raise Problem("idempotency_key_invalid")
        if key is not None and not _KEY.fullmatch(key):
            raise Problem("idempotency_key_invalid")
        if key is not None and mentions_card_number(key):
            raise Problem("raw_card_number", "The Idempotency-Key holds a card number: treat the number as exposed.")
        route = f"{request.method} {request.url.path}"
        sending = Sending(caller.merchant_id, caller.mode, route, key)
        return Command(parts, caller, sending, request_id(request), parts.settings.wait_seconds)

    return admit


def waiting_command(scope: Scope) -> Callable[..., Awaitable[Command]]:
    """The dependency of a route that starts work elsewhere and waits for it; such a route needs an Idempotency-Key."""
    admit = command(scope, key_required=True)

    async def admit_with_preference(
        request: Request, asked: Annotated[Command, Depends(admit)], _prefer: Annotated[str, _PREFER] = ""
    ) -> Command:
        given = ", ".join(request.headers.getlist("prefer"))  # several of them are one list
        seconds, applied = preference(given, asked.wait_seconds)
        return replace(asked, wait_seconds=seconds, preference=applied)

    return admit_with_preference


def preference(prefer: str, default_seconds: float) -> tuple[float, str | None]:
    """How long to wait, and what to answer as `Preference-Applied` (RFC 7240); what is not understood is ignored."""
    if _RESPOND_ASYNC.search(prefer):
        return 0, "respond-async"
    if asked := _WAIT.search(prefer):
        seconds = min(int(asked[1]), MAX_WAIT_SECONDS)
        return seconds, f"wait={seconds}"
    return default_seconds, None


def body_of[M: Body](model: type[M], *, optional: bool = False) -> Callable[[Request], Awaitable[M]]:
    """The dependency that reads and checks the body; declared after the command, so that strangers' are not read.

    With `optional`, no body is the same as an empty object.
    """

    async def read(request: Request) -> M:
        if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise Problem("unsupported_media_type", headers={"Accept-Encoding": "identity"})
        raw = await _read(request)
        if not raw and optional:
            return model()
        if not raw:
            raise Problem("body_missing")
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Problem("unsupported_media_type")
        return parse(model, raw)

    return read


def answer(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(body), status, dict(headers or {}), media_type="application/json")


def page(entries: list[tuple[str, msgspec.Raw]], limit: int, next_cursor: Callable[[str], str]) -> dict[str, Any]:
    """A page of a list that was asked for `limit + 1` entries, to know whether there are more."""
    shown = entries[:limit]
    more = len(entries) > limit
    return {
        "data": [entry for _, entry in shown],
        "has_more": more,
        "next_cursor": next_cursor(shown[-1][0]) if more else None,
    }


async def require_payment(parts: Parts, caller: Caller, payment_id: str) -> PaymentView:
    """The caller's payment. Raises `payment_not_found`, also for one of another merchant or mode."""
    payment = None
    if ids.is_id(payment_id, "pay"):
        payment = await store_payments.get_payment(parts.units.reads, payment_id, caller.merchant_id, caller.mode)
    if payment is None:
        raise Problem("payment_not_found")
    about(payment_id=payment.id, client_ref=payment.client_ref)
    return payment


def _slow_down(request: Request, parts: Parts) -> None:
    """Strangers may not fill the audit log: beyond their limit they are counted, not recorded."""
    verdict = parts.strangers.take(network_of(_remote(request)))
    if not verdict.allowed:
        UNRECORDED.inc()
        raise Problem("rate_limited", after_seconds=verdict.retry_after_seconds)


async def _limit(request: Request, parts: Parts, caller: Caller) -> None:
    verdict = await parts.limiter.take(f"{caller.merchant_id}:{caller.mode}")
    answer_headers(request).update(verdict.headers())
    about(merchant_id=caller.merchant_id, mode=caller.mode)
    if not verdict.allowed:
        raise Problem("rate_limited", after_seconds=verdict.retry_after_seconds)


async def _read(request: Request) -> bytes:
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or len(announced) > _LENGTH_DIGITS or int(announced) > MAX_BODY_BYTES:
        raise _too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise _too_large()
    except TimeoutError:
        raise Problem("body_too_slow", headers={"Connection": "close"}) from None
    return bytes(body)


def _too_large() -> Problem:
    return Problem("body_too_large", headers={"Connection": "close"})  # the rest of it is not worth reading


def _entry(request: Request, decision: Decision) -> Entry:
    return Entry(
        at=clock.now(),
        request_id=request_id(request),
        merchant_id=decision.key and decision.key.merchant_id,
        key_id=decision.key and decision.key.id,
        reason=decision.code or "allowed",
        method=request.method,
        route=request.scope["route"].path,
        remote=_remote(request),
    )


def _remote(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _advice(code: str, scope: Scope) -> str | None:
    return f"This route needs the scope {scope}." if code == "scope_missing" else None
