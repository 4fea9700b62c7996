"""A model provider with access tokens, whose orders are approved by the customer and then confirmed, and its stand-in."""

import json
from collections.abc import Awaitable
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
from model_wire import ModelProvider, described, exchange, money, name_of, require_ok, undoubted, verified

from malipo.contracts.descriptor import OperationRules, SameKey
from malipo.contracts.outcomes import ActionRequired, Approval, Approved, Outcome, Succeeded, Unknown
from malipo.contracts.provider_commands import Charge, Confirm
from provider_kit.errors import Misconfigured
from provider_kit.provider import ACCOUNT_CHANGED, Attempt, Callback, CallbackOutcome, ParsedCallback
from provider_kit.tokens import FetchedToken, TokenRefused, TokenSource

DESCRIPTOR = described(
    "twostep",
    actions=("approval",),
    operations={"charge": OperationRules(), "confirm": OperationRules()},
    repeat=SameKey(timedelta(hours=6)),
    callbacks="signed",
)


class TwoStepProvider(ModelProvider):
    descriptor = DESCRIPTOR

    def __init__(self, http: Any, tokens: TokenSource) -> None:
        super().__init__(http)
        self.tokens = tokens

    async def prepare(self, attempt: Attempt) -> None:
        await self.tokens.ready(attempt.account, partial(self._fetch, attempt))

    async def query(self, attempt: Attempt) -> Outcome:
        only_read = attempt.reference or attempt.ages.expired or not attempt.same_account
        return await undoubted(self._look(attempt) if only_read else self._send(attempt))

    async def parse_callback(self, callback: Callback, credentials: Any) -> ParsedCallback:
        event = verified(callback, credentials)
        named = CallbackOutcome(kind="charge", references={"order": event["id"]}, outcome=self._read(event))
        return ParsedCallback(name_of(callback), [named])

    def _read(self, found: Any) -> Outcome:
        match found:
            case {"id": str(order), "status": "created", "url": str(url)}:
                return ActionRequired(action=Approval(url), reference=order)
            case {"id": str(order), "status": "approved"}:
                return Approved(reference=order)
            case {"id": str(), "status": "captured", "capture": str(capture)}:
                return Succeeded(amount=money(found), reference=capture)
            case _:
                return Unknown(reason="unreadable")

    async def _send(self, attempt: Attempt) -> Outcome:
        operation = attempt.operation
        if isinstance(operation, Confirm):
            path, body, request = f"/orders/{operation.reference}/capture", {}, "capture"
        else:
            assert isinstance(operation, Charge)
            amount = operation.amount
            path, request = "/orders", "order"
            body = {"amount": amount.amount_minor, "currency": amount.currency, "tag": operation.operation_id}
        status, found = await self._exchange(attempt, "POST", path, body, key=attempt.key_for(request))
        return self._noted(attempt, found) if status != 404 else Unknown(reason="http 404")

    async def _look(self, attempt: Attempt) -> Outcome:
        operation = attempt.operation
        order = operation.reference if isinstance(operation, Confirm) else attempt.reference
        path = f"/orders/{order}" if order else f"/tags/{operation.operation_id}"
        status, found = await self._exchange(attempt, "GET", path)
        doubt = "no trace" if attempt.same_account else ACCOUNT_CHANGED
        return Unknown(reason=doubt) if status == 404 or found == [] else self._noted(attempt, found)

    def _noted(self, attempt: Attempt, found: Any) -> Outcome:
        if isinstance(found, dict) and isinstance(found.get("id"), str):
            attempt.references.note("order", found["id"])
        return self._read(found)

    async def _exchange(self, attempt: Attempt, method: str, path: str, body: object = None, **headers: str) -> Any:
        async def call(token: str) -> Any:
            status, found = await exchange(self.http, method, path, body, authorization=f"Bearer {token}", **headers)
            if status == 401:
                raise TokenRefused
            require_ok(status)
            return status, found

        return await self._with_token(attempt, call)

    def _with_token(self, attempt: Attempt, call: Any) -> Awaitable[Any]:
        return self.tokens.using(attempt.account, partial(self._fetch, attempt), call)

    async def _fetch(self, attempt: Attempt) -> FetchedToken:
        status, found = await exchange(self.http, "POST", "/token", {}, authorization=attempt.credentials["secret"])
        if status != 200:
            raise Misconfigured("the secret is refused")
        return FetchedToken(found["token"], found["life"])


class Wallet(httpx.MockTransport):
    """Each token ends the one before; an order is captured once it is approved, and once only."""

    def __init__(self) -> None:
        super().__init__(self.reply)
        self.tokens = 0
        self.orders: dict[str, dict[str, Any]] = {}
        self.captures = 0

    def reply(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == "/token":
            self.tokens += 1
            return httpx.Response(200, json={"token": f"token-{self.tokens}", "life": 3600})
        if request.headers["authorization"] != f"Bearer token-{self.tokens}":
            return httpx.Response(401, json={})
        if path == "/orders":
            made = json.loads(request.content) | {
                "id": f"or_{len(self.orders)}",
                "status": "created",
                "url": "https://w.example",
            }
            return httpx.Response(201, json=self.orders.setdefault(request.headers["key"], made))
        order = next(one for one in self.orders.values() if one["id"] == path.split("/")[2])
        if path.endswith("/capture") and order["status"] == "approved":
            self.captures += 1
            order |= {"status": "captured", "capture": f"cap_{self.captures}"}
        return httpx.Response(200, json=order)

    def approve(self) -> None:
        for order in self.orders.values():
            order["status"] = "approved"
