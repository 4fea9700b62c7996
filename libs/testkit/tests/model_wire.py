"""What the model providers share: JSON over HTTP, and signed callbacks."""

import hashlib
import hmac
import json
from typing import Any

from malipo import clock
from malipo.contracts.commands import CaptureMode
from malipo.contracts.descriptor import (
    ActionKind,
    AmountRule,
    Details,
    Method,
    MethodRules,
    OperationRules,
    ProviderDescriptor,
    StatementDescriptor,
)
from malipo.contracts.methods import CardMethod
from malipo.contracts.outcomes import Outcome, Unknown
from malipo.money import Money
from provider_kit import sending
from provider_kit.errors import BadSignature, Misconfigured, NotSent
from provider_kit.provider import Attempt, Callback, Credentials
from provider_kit.sending import ResponseTooLong, Silence
from testkit.provider_examples import TIMEOUT_SECONDS

MINE, OTHER = {"secret": "s3cret-of-mine"}, {"secret": "s3cret-of-another"}
MAX_BYTES = 64 * 1024
USD_10 = Money(1000, "USD")
AMOUNTS = {
    USD_10: b'"amount":1000,"currency":"USD"',
    Money(500, "JPY"): b'"amount":500,"currency":"JPY"',
    Money(5125, "KWD"): None,
}


def described(
    name: str,
    model: type[Method] = CardMethod,
    actions: tuple[ActionKind, ...] = (),
    captures: tuple[CaptureMode, ...] = ("automatic",),
    statement: StatementDescriptor | None = None,
    **changes: Any,
) -> ProviderDescriptor:
    currencies = {currency: AmountRule() for currency in ("USD", "JPY")}
    rules = MethodRules(model=model, currencies=currencies, actions=actions, captures=captures, statement=statement)
    plain = {"name": name, "title": name.title(), "credentials": Details, "methods": (rules,)}
    return ProviderDescriptor(**plain | {"operations": {"charge": OperationRules()}} | changes)


class Doubt(Exception):
    """There is no answer that is understood."""

    def __init__(self, outcome: Unknown) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


async def exchange(http: Any, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
    """Status and JSON of the response. Raises `NotSent` or `Doubt`; a 401 is the caller's."""
    sent = None if body is None else json.dumps(body, separators=(",", ":"))
    headers |= {"Content-Type": "application/json"} if method == "POST" else {}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = http.build_request(method, path, content=sent, headers=named)
    try:
        response, content = await sending.exchange(
            http, request, provider="the model", timeout_seconds=TIMEOUT_SECONDS, max_bytes=MAX_BYTES
        )
    except Silence as silence:
        raise Doubt(Unknown(reason=str(silence), silent=True)) from None
    except ResponseTooLong:
        raise Doubt(Unknown(reason="answer_too_long")) from None
    if response.status_code == 429:
        raise NotSent("slow down", retry_after_seconds=float(response.headers["Retry-After"]))
    try:
        return response.status_code, json.loads(content)
    except ValueError:
        raise Doubt(Unknown(reason="unreadable", silent=response.status_code >= 500)) from None


def require_ok(status: int) -> None:
    if status == 401:
        raise Misconfigured("the secret is refused")
    if status not in (200, 201, 404):
        raise Doubt(Unknown(reason=f"http {status}", silent=status >= 500))


class ModelProvider:
    """What every model does alike: an operation is sent to its own account, and looked for in any other."""

    def __init__(self, http: Any) -> None:
        self.http = http

    def identity(self, credentials: Any) -> str:
        return credentials["secret"]

    async def prepare(self, attempt: Attempt) -> None:
        """Nothing: the secret is all that a request needs."""

    async def execute(self, attempt: Attempt) -> Outcome:
        return await undoubted(self._send(attempt) if attempt.same_account else self._look(attempt))

    async def _send(self, attempt: Attempt) -> Outcome:
        raise NotImplementedError

    async def _look(self, attempt: Attempt) -> Outcome:
        raise NotImplementedError


async def undoubted(call: Any) -> Outcome:
    try:
        return await call
    except Doubt as doubt:
        return doubt.outcome


def money(found: Any) -> Money:
    try:
        return Money(found["amount"], found["currency"])
    except (TypeError, KeyError, ValueError):
        raise Doubt(Unknown(reason="unreadable")) from None


def sign(event: object, credentials: Credentials, signed_at: int) -> Callback:
    body = json.dumps(event).encode()
    return Callback({"x-signature": f"{signed_at}.{sign_bytes(body, credentials, signed_at)}"}, body)


def verified(callback: Callback, credentials: Credentials) -> Any:
    signed_at, _, mac = callback.headers.get("x-signature", "").partition(".")
    if not signed_at.isdigit() or abs(int(signed_at) - clock.unix_seconds()) > 300:
        raise BadSignature("no fresh signature")
    genuine = sign_bytes(callback.body, credentials, int(signed_at))
    if not hmac.compare_digest(genuine.encode(), mac.encode()):
        raise BadSignature("forged")
    return json.loads(callback.body)


def sign_bytes(body: bytes, credentials: Credentials, signed_at: int) -> str:
    return hmac.digest(credentials["secret"].encode(), b"%d." % signed_at + body, "sha256").hex()


def name_of(callback: Callback) -> str:
    return hashlib.sha256(callback.body).hexdigest()
