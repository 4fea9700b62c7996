"""A model provider that holds money and captures it in parts, and its stand-in."""

import json
from datetime import timedelta
from typing import Any

import httpx
from model_keyed import KeyedProvider
from model_wire import described, money, name_of, verified

from malipo.contracts.descriptor import OperationRules, SameKey
from malipo.contracts.outcomes import Authorized, Canceled, Declined, Outcome, Pending, Succeeded, Unknown
from malipo.contracts.provider_commands import Capture, Charge
from provider_kit.provider import ACCOUNT_CHANGED, Attempt, Callback, CallbackOutcome, ParsedCallback, kind_of

DESCRIPTOR = described(
    "parts",
    captures=("manual",),
    operations={
        "charge": OperationRules(),
        "capture": OperationRules(partial=True, several=True, asynchronous=True),
        "cancel": OperationRules(),
    },
    repeat=SameKey(timedelta(days=1)),
    callbacks="signed",
)


def read(found: Any) -> Outcome:
    """A hold, which says at its end how much was captured of it; or a capture, which names its hold."""
    match found:
        case {"hold": str(hold), "status": "paid"}:
            return Succeeded(amount=money(found), reference=hold)
        case {"hold": str(hold), "status": "waiting"}:
            return Pending(reference=hold)
        case {"hold": str(hold), "status": "refused"}:
            return Declined(code="refused", reference=hold)
        case {"id": str(hold), "status": "held"}:
            return Authorized(amount=money(found), reference=hold)
        case {"id": str(hold), "status": "ended", "captured": 0}:
            return Canceled(reference=hold)
        case {"id": str(hold), "status": "ended", "captured": captured}:
            return Succeeded(amount=money(found | {"amount": captured}), reference=hold)
        case _:
            return Unknown(reason="unreadable")


class PartsProvider(KeyedProvider):
    descriptor = DESCRIPTOR

    async def parse_callback(self, callback: Callback, credentials: Any) -> ParsedCallback:
        event = verified(callback, credentials)
        kind = "capture" if "hold" in event else "charge"
        return ParsedCallback(
            name_of(callback), [CallbackOutcome(operation_id=event["tag"], kind=kind, outcome=read(event))]
        )

    async def _send(self, attempt: Attempt) -> Outcome:
        operation = attempt.operation
        body: dict[str, Any] = {"tag": operation.operation_id}
        if isinstance(operation, Charge | Capture):
            body |= {"amount": operation.amount.amount_minor, "currency": operation.amount.currency}
        if isinstance(operation, Capture):
            body["final"] = operation.final
        kind = kind_of(operation)
        path = "/holds" if kind == "charge" else f"/holds/{operation.reference}/{kind}s"
        status, found = await self._exchange(attempt, "POST", path, body, key=attempt.key_for(kind))
        return read(found) if status != 404 else Unknown(reason="http 404")

    async def _look(self, attempt: Attempt) -> Outcome:
        operation = attempt.operation
        hold = attempt.reference if isinstance(operation, Charge) else getattr(operation, "reference", None)
        path = f"/tags/{operation.operation_id}" if isinstance(operation, Capture) or not hold else f"/holds/{hold}"
        status, found = await self._exchange(attempt, "GET", path)
        doubt = "no trace" if attempt.same_account else ACCOUNT_CHANGED
        return Unknown(reason=doubt) if status == 404 or found == [] else read(found)


class HoldingBank(httpx.MockTransport):
    """One hold; each capture takes a part of it, under one key once, and the last one or a cancel ends it."""

    def __init__(self) -> None:
        super().__init__(self.reply)
        self.hold: dict[str, Any] = {}
        self.done: dict[str, dict[str, Any]] = {}

    def reply(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and request.headers["key"] not in self.done:
            self.done[request.headers["key"]] = self._carry_out(request.url.path, json.loads(request.content))
        key = request.headers.get("key")
        return httpx.Response(200, json=self.done[key] if key else self.hold)

    def _carry_out(self, path: str, sent: dict[str, Any]) -> dict[str, Any]:
        if path == "/holds":
            self.hold = {**sent, "id": "ho_1", "status": "held", "captured": 0}
            return dict(self.hold)
        if path.endswith("cancels"):
            self.hold["status"] = "ended"
            return dict(self.hold)
        possible = self.hold["status"] == "held" and self.hold["captured"] + sent["amount"] <= self.hold["amount"]
        if possible:
            self.hold["captured"] += sent["amount"]
            self.hold["status"] = "ended" if sent["final"] else "held"
        return {**sent, "hold": "ho_1", "status": "paid" if possible else "refused"}
