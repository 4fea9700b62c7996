"""A merchant's app at the simulated PayPal, the provider that calls it, and what its events say."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import paypal_samples as samples
from paypal_signing import PaypalsKey

from malipo import clock, ids
from malipo.contracts.identity import charge_id, confirm_id
from malipo.contracts.outcomes import ActionRequired, Outcome
from malipo.contracts.provider_commands import Charge, Confirm
from malipo.contracts.providers.paypal import DESCRIPTOR
from malipo.money import Money
from provider_kit.integrity import checked
from provider_kit.provider import Ages, Attempt, ParsedCallback, ProviderOperation, References
from provider_paypal.client import PaypalClient
from provider_paypal.events import parse_event
from provider_paypal.provider import PaypalProvider
from provider_paypal.verification import BySignature
from testkit import operations
from testkit.tokens import MemoryTokens

USD_10 = Money(1000, "USD")
PAYMENTS = "/v2/payments/*"
ORDERS = "/v2/checkout/orders*"


def new_charge(**changes: Any) -> Charge:
    payment_id = ids.new("pay")
    return samples.charge(payment_id=payment_id, operation_id=charge_id(payment_id, 1), **changes)


@dataclass
class Approved:
    """A charge whose order its payer has approved."""

    charge: Charge
    order: str

    def confirm(self, number: int = 1) -> Confirm:
        return samples.confirm(
            payment_id=self.charge.payment_id,
            operation_id=confirm_id(self.charge.operation_id, number),
            reference=self.order,
            amount=self.charge.amount,
            capture=self.charge.capture,
        )

    def part(self, kind: str, minor: int = 1000, **changes: Any):
        """A capture, a cancel or a refund of the payment, under an id of its own."""
        prefix = {"capture": "cap", "cancel": "can", "refund": "ref"}[kind]
        given = {"payment_id": self.charge.payment_id, "operation_id": ids.new(prefix)}
        amount = {} if kind == "cancel" else {"amount": Money(minor, self.charge.amount.currency)}
        return getattr(samples, kind)(**given | amount | {"reference": self.order} | changes)


class Paypal:
    """Keeps of each operation what the kit would: the ids that answers gave, and what was chosen before it was sent."""

    def __init__(self, http, url: str) -> None:
        self.http = http
        self.url = url
        self.credentials = samples.CREDENTIALS | {"client_id": f"A{ids.token(16)}"}
        self.known: dict[str, References] = {}
        self.happened: list = []
        self.wait_at_most(5)

    def wait_at_most(self, seconds: float) -> None:
        client = PaypalClient(
            self.http, MemoryTokens(), hosts={"test": self.url, "live": self.url}, timeout_seconds=seconds
        )
        self.provider = PaypalProvider(client, BySignature(PaypalsKey()))

    def attempt(self, operation: ProviderOperation, **changes: Any) -> Attempt:
        references = self.known.setdefault(operation.operation_id, References())
        given = {"references": references, "account": self.credentials["client_id"]}
        return operations.attempt(
            operation, DESCRIPTOR, changes.pop("credentials", self.credentials), **given | changes
        )

    async def execute(self, operation: ProviderOperation, **changes: Any) -> Outcome:
        sent = self.attempt(operation, **changes)
        await self.provider.prepare(sent)
        return self._done(operation, await self.provider.execute(sent))

    async def again(self, operation: ProviderOperation, *, age: timedelta = timedelta(), **changes: Any) -> Outcome:
        """A later try of what may have been sent."""
        return await self.execute(operation, first_sent_at=clock.now() - age, ages=Ages(age), **changes)

    async def query(self, operation: ProviderOperation, *, age: timedelta = timedelta(), **changes: Any) -> Outcome:
        given = {"first_sent_at": clock.now() - age, "ages": Ages(age)}
        sent = self.attempt(operation, **given | changes)
        return self._done(operation, await self.provider.query(sent))

    async def approved(self, **changes: Any) -> Approved:
        """An order that is created and approved."""
        charge = new_charge(**changes)
        waiting = await self.execute(charge)
        assert isinstance(waiting, ActionRequired), waiting
        await self.control(f"orders/{waiting.reference}/approve")
        return Approved(charge, waiting.reference)

    async def held(self, **changes: Any) -> Approved:
        """An order that is authorized."""
        one = await self.approved(capture="manual", **changes)
        await self.execute(one.confirm())
        return one

    async def paid(self, **changes: Any) -> Approved:
        one = await self.approved(**changes)
        await self.execute(one.confirm())
        return one

    def parsed(self) -> list[ParsedCallback]:
        """What happened at PayPal so far, as its webhooks tell it."""
        events = [
            {"id": f"WH-{at}", "event_type": one.type, "resource": one.resource} for at, one in enumerate(self.happened)
        ]
        return [parse_event(json.dumps(event).encode()) for event in events]

    async def control(self, path: str, **body: Any) -> dict:
        response = await self.http.post(f"/_sim/{path}", json=body)
        assert response.status_code < 300, response.text
        return response.json() if response.content else {}

    async def fault(self, fault: str, path: str = ORDERS, method: str = "POST", **rule: Any) -> None:
        match = {"path": path, "method": method}
        await self.control("faults", fault=fault, match=match, **{"times": 1} | rule)

    async def lose_capture(self, one: Approved, fault: str = "answer_lost") -> None:
        """The answer to the capture of its order gets lost, and that to the look right after it, too."""
        await self.fault(fault, f"{ORDERS[:-1]}/{one.order}/capture")
        await self.fault("error_before_effect", f"{ORDERS[:-1]}/{one.order}", method="GET")

    async def book(self) -> list[tuple[str, int]]:
        book = (await self.http.get("/_sim/book")).json()
        return [(line["kind"], line["amount"]) for line in book["effects"]]

    async def capture_ids(self, one: Approved) -> list[str]:
        return [made["id"] for made in (await self.payments(one)).get("captures", [])]

    async def payments(self, one: Approved) -> dict:
        found = (await self.http.get("/_sim/orders", params={"custom_id": one.charge.operation_id})).json()
        return found[0]["purchase_units"][0].get("payments", {})

    def _done(self, operation: ProviderOperation, outcome: Outcome) -> Outcome:
        """Keep what was noted, as the kit does with the end of each try."""
        references = self.known[operation.operation_id]
        self.known[operation.operation_id] = References([*references.known, *references.noted])
        return checked(operation, outcome)
