"""A merchant's account at the simulated bank, and the provider that calls it, over real sockets and without the kit around it."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import bank_samples as samples

from malipo import clock, ids
from malipo.contracts.identity import charge_id
from malipo.contracts.outcomes import Outcome
from malipo.contracts.provider_commands import Cancel, Charge, ReturnRequest
from malipo.contracts.providers.bank import DESCRIPTOR
from provider_bank.client import BankClient
from provider_bank.connections import Connections
from provider_bank.partners import Partner
from provider_bank.provider import BankProvider
from provider_kit.integrity import checked
from provider_kit.provider import Ages, Attempt, ProviderOperation
from testkit import operations
from testkit.tokens import MemoryTokens

PAYMENTS = "/v1/payments"


def new_charge(rail: str = "RTP", **changes: Any) -> Charge:
    payment_id = ids.new("pay")
    given = {"payment_id": payment_id, "operation_id": charge_id(payment_id, 1), "method": samples.transfer(rail)}
    return samples.charge(**given | changes)


def cancel_of(charge: Charge, reference: str) -> Cancel:
    return samples.cancel(payment_id=charge.payment_id, operation_id=ids.new("can"), reference=reference)


def return_request_of(charge: Charge, reference: str) -> ReturnRequest:
    return samples.return_request(payment_id=charge.payment_id, operation_id=ids.new("rtr"), reference=reference)


@dataclass
class Bank:
    """The simulated bank as its customers, its people and a test see it."""

    http: Any
    url: str
    credentials: dict[str, Any] = field(default_factory=lambda: samples.CREDENTIALS)

    def __post_init__(self) -> None:
        partner = Partner(mode="test", authentication="oauth2", api_base=self.url, timeout_seconds=5)
        client = BankClient(Connections(lambda *_: self.http), MemoryTokens())
        self.provider = BankProvider(client, {"default": partner})

    def attempt(self, operation: ProviderOperation, **changes: Any) -> Attempt:
        return operations.attempt(operation, DESCRIPTOR, self.credentials, **changes)

    async def execute(self, operation: ProviderOperation, **changes: Any) -> Outcome:
        """Its first try, unless told otherwise."""
        sent = self.attempt(operation, **changes)
        await self.provider.prepare(sent)
        return checked(operation, await self.provider.execute(sent))

    async def again(self, operation: ProviderOperation, *, age: timedelta = timedelta()) -> Outcome:
        """A later try of what may have been sent."""
        return await self.execute(operation, first_sent_at=clock.now() - age, ages=Ages(age))

    async def query(self, operation: ProviderOperation, *, age: timedelta = timedelta(), **changes: Any) -> Outcome:
        sent = self.attempt(operation, **{"first_sent_at": clock.now() - age, "ages": Ages(age)} | changes)
        return checked(operation, await self.provider.query(sent))

    async def control(self, path: str, **body: Any) -> Any:
        response = await self.http.post(f"/_sim/{path}", json=body)
        assert response.status_code < 300, response.text
        return response.json() if response.content else {}

    async def fault(self, fault: str, method: str = "POST", path: str = PAYMENTS) -> None:
        await self.control("faults", fault=fault, match={"path": path, "method": method}, times=1)

    async def plan(self, plan: str, **more: Any) -> None:
        """What becomes of the next payment."""
        await self.control("scripts", plan=plan, **more)

    async def book(self) -> list[str]:
        """What has moved, in order."""
        return [line["kind"] for line in (await self.http.get("/_sim/book")).json()["effects"]]

    async def payments(self) -> list[dict[str, Any]]:
        return (await self.http.get("/_sim/payments")).json()
