"""A model provider with keys and signed callbacks, and its stand-in."""

import json
from datetime import timedelta
from typing import Any

import httpx
from model_wire import ModelProvider, described, exchange, money, name_of, require_ok, undoubted, verified

from malipo.contracts.descriptor import OperationRules, SameKey, StatementDescriptor
from malipo.contracts.outcomes import Declined, Outcome, Pending, Succeeded, Unknown
from malipo.contracts.provider_commands import Charge
from provider_kit.provider import ACCOUNT_CHANGED, Attempt, Callback, CallbackOutcome, ParsedCallback, kind_of

DESCRIPTOR = described(
    "keyed",
    operations={
        "charge": OperationRules(),
        "refund": OperationRules(asynchronous=True),
        "return_request": OperationRules(asynchronous=True),
    },
    repeat=SameKey(timedelta(days=1)),
    callbacks="signed",
    statement=StatementDescriptor("^[A-Z0-9]+$", "capitals and digits"),
)
_KINDS = {"pay": "charge", "ref": "refund", "ret": "return_request"}


def read(found: Any) -> Outcome:
    match found:
        case {"id": str(reference), "status": "paid"}:
            return Succeeded(amount=money(found), reference=reference)
        case {"id": str(reference), "status": "waiting"}:
            return Pending(reference=reference)
        case {"id": str(reference), "status": "refused"}:
            return Declined(code="refused", reference=reference)
        case _:
            return Unknown(reason="unreadable")


class KeyedProvider(ModelProvider):
    descriptor = DESCRIPTOR

    async def query(self, attempt: Attempt) -> Outcome:
        expired = attempt.ages.expired and isinstance(attempt.operation, Charge)
        only_read = attempt.reference or expired or not attempt.same_account
        return await undoubted(self._look(attempt) if only_read else self._send(attempt))

    async def parse_callback(self, callback: Callback, credentials: Any) -> ParsedCallback:
        event = verified(callback, credentials)
        kind = _KINDS[event["tag"][:3]]
        outcome = CallbackOutcome(operation_id=event["tag"], kind=kind, outcome=read(event))
        return ParsedCallback(name_of(callback), [outcome])

    async def _send(self, attempt: Attempt) -> Outcome:
        operation = attempt.operation
        body: dict[str, Any] = {
            "tag": operation.operation_id,
            "amount": operation.amount.amount_minor,
            "currency": operation.amount.currency,
        }
        if isinstance(operation, Charge) and operation.statement_descriptor:
            body["shown"] = operation.statement_descriptor
        kind = kind_of(operation)
        status, found = await self._exchange(attempt, "POST", f"/{kind}s", body, key=attempt.key_for(kind))
        return read(found) if status != 404 else Unknown(reason="http 404")

    async def _look(self, attempt: Attempt) -> Outcome:
        path = f"/objects/{attempt.reference}" if attempt.reference else f"/tags/{attempt.operation.operation_id}"
        status, found = await self._exchange(attempt, "GET", path)
        doubt = "no trace" if attempt.same_account else ACCOUNT_CHANGED
        return Unknown(reason=doubt) if status == 404 or found == [] else read(found)

    async def _exchange(self, attempt: Attempt, method: str, path: str, body: object = None, **headers: str) -> Any:
        secret = attempt.credentials["secret"]
        status, found = await exchange(self.http, method, path, body, authorization=secret, **headers)
        require_ok(status)
        return status, found


class KeyedBank(httpx.MockTransport):
    """Makes one object under each key."""

    def __init__(self) -> None:
        super().__init__(self.reply)
        self.made: dict[str, dict[str, Any]] = {}

    def reply(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            made = json.loads(request.content) | {"id": f"ob_{len(self.made)}", "status": "paid"}
            return httpx.Response(200, json=self.made.setdefault(request.headers["key"], made))
        _, collection, name = request.url.path.split("/")
        field = "id" if collection == "objects" else "tag"
        found = [one for one in self.made.values() if one[field] == name]
        return httpx.Response(200, json=found[0]) if found else httpx.Response(404, json={})
