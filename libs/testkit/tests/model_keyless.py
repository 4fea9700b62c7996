"""A model provider without keys and signatures, whose prompts go to phones, and its stand-in.

An order has room for twelve characters, and its callback is joined by the address that the order carries.
"""

import json
from typing import Annotated, Any, Literal

import httpx
from model_wire import Doubt, ModelProvider, described, exchange, money, name_of, undoubted

from malipo import clock
from malipo.contracts.commands import PaymentMethod
from malipo.contracts.descriptor import Method, Never, Personal
from malipo.contracts.identity import short_name
from malipo.contracts.outcomes import ActionRequired, Declined, Outcome, Pending, PhonePrompt, Succeeded, Unknown
from provider_kit.errors import BadSignature, Misconfigured
from provider_kit.provider import (
    ACCOUNT_CHANGED,
    Attempt,
    Callback,
    CallbackOutcome,
    ParsedCallback,
    ReceivedMoney,
    Unmatched,
)


class PhoneMethod(Method):
    type: Literal["phone"]
    phone: Annotated[str, Personal(lambda number: f"{number[:4]}*****{number[-2:]}")]


DESCRIPTOR = described(
    "keyless",
    PhoneMethod,
    ("phone_prompt",),
    repeat=Never(),
    callbacks="hint",
    own_addresses=True,
    own_references=lambda operation_id: (short_name(operation_id, 12),),
)
PHONE = PaymentMethod(type="phone", details={"phone": "254722000112"})
PROMPT = PhonePrompt("2547*****12")


def read(found: Any) -> Outcome:
    match found:
        case {"checkout": str(reference), "state": "prompted"}:
            return ActionRequired(action=PROMPT, reference=reference)
        case {"checkout": str(reference), "state": "paid"}:
            return Succeeded(amount=money(found), reference=reference)
        case {"checkout": str(reference), "state": "refused"}:
            return Declined(code="refused", reference=reference)
        case _:
            return Unknown(reason="unreadable")


def ids_in(found: Any) -> dict[str, str]:
    """The provider's ids. That of the transaction alone tells later that money at the account is this charge's."""
    named = found if isinstance(found, dict) else {}
    return {role: named[role] for role in ("checkout", "transaction") if isinstance(named.get(role), str)}


class KeylessProvider(ModelProvider):
    descriptor = DESCRIPTOR

    async def query(self, attempt: Attempt) -> Outcome:
        return await undoubted(self._look(attempt))

    async def parse_callback(self, callback: Callback, credentials: Any) -> ParsedCallback:
        try:
            event = json.loads(callback.body)
            names = {"transaction", "checkout"} & set(event)
        except (ValueError, TypeError):
            raise BadSignature("no JSON") from None
        if not names:
            return ParsedCallback(name_of(callback))
        if "checkout" not in event:
            return await self._received(event["transaction"], name_of(callback), credentials)
        reported = CallbackOutcome(kind="charge", references=ids_in(event), outcome=read(event))
        return ParsedCallback(name_of(callback), [reported], reply={"ResultCode": 0})

    async def _received(self, transaction: str, callback_id: str, credentials: Any) -> ParsedCallback:
        """Anyone may have sent it: believed when the statement shows it."""
        try:
            status, found = await self._exchange(credentials, "GET", f"/statement/{transaction}")
            received = ReceivedMoney(
                reference=found["transaction"],
                amount=money(found),
                method="phone",
                received_at=clock.from_unix(found["at"]),
                account_reference=found["for"],
                role="transaction",
            )
        except (Doubt, TypeError, KeyError):
            return ParsedCallback(callback_id, unmatched=[Unmatched("received", {"transaction": transaction})])
        return ParsedCallback(callback_id, received=[received] if status == 200 else [])

    async def _send(self, attempt: Attempt) -> Outcome:
        operation = attempt.operation
        body = {
            "amount": operation.amount.amount_minor,
            "currency": operation.amount.currency,
            "for": short_name(operation.operation_id, 12),
            "callback": attempt.callback_url("push"),
            "phone": self._phone(attempt),
        }
        status, found = await self._exchange(attempt.credentials, "POST", "/push", body)
        return read(found) if status == 200 else Unknown(reason=f"http {status}")

    def _phone(self, attempt: Attempt) -> str:
        assert isinstance(attempt.method, PhoneMethod)
        return attempt.method.phone

    async def _look(self, attempt: Attempt) -> Outcome:
        checkout = attempt.reference or next(iter(attempt.references.claimed("checkout")), None)
        body = {"checkout": checkout, "for": short_name(attempt.operation.operation_id, 12)}
        status, found = await self._exchange(attempt.credentials, "POST", "/ask", body)
        if found == {"busy": True}:
            return Pending(reference=attempt.reference)  # with a status of 500
        if status == 200 and found != []:
            for role, reference in ids_in(found).items():
                attempt.references.note(role, reference)
            return read(found)
        return Unknown(reason="no trace" if attempt.same_account else ACCOUNT_CHANGED)

    async def _exchange(self, credentials: Any, method: str, path: str, body: object = None) -> tuple[int, Any]:
        status, found = await exchange(self.http, method, path, body, authorization=credentials["secret"])
        if status == 401:
            raise Misconfigured("the secret is refused")
        if status >= 500 and found != {"busy": True}:
            raise Doubt(Unknown(reason=f"http {status}", silent=True))
        return status, found


class PhoneBank(httpx.MockTransport):
    """Prompts a phone at each push, whether or not it was the same before; `lost` responses never arrive."""

    def __init__(self) -> None:
        super().__init__(self.reply)
        self.prompts: list[dict[str, Any]] = []
        self.lost = 0

    def reply(self, request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content) if request.content else {}
        if request.url.path == "/push":
            self.prompts.append(asked | {"checkout": f"co_{len(self.prompts)}", "state": "prompted"})
            if self.lost:
                self.lost -= 1
                raise httpx.ReadError("reset")
            return httpx.Response(200, json=self.prompts[-1])
        found = [
            one for one in self.prompts if asked.get("checkout") == one["checkout"] or asked.get("for") == one["for"]
        ]
        return httpx.Response(200, json=found[0] if found else [])

    def agree(self) -> None:
        self.prompts[-1] |= {"state": "paid", "transaction": f"tx_{len(self.prompts)}"}
