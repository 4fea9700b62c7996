"""A merchant's account at the simulated Stripe, the provider that calls it, and charges for it."""

from dataclasses import replace

import stripe_samples as samples
from stripe_customers import MemoryCustomers

from malipo import clock, ids
from malipo.contracts.identity import charge_id
from malipo.contracts.outcomes import Outcome
from malipo.money import Money
from provider_kit.integrity import checked
from provider_kit.provider import Attempt, Credentials, ParsedCallback, ProviderOperation
from provider_stripe.client import StripeClient
from provider_stripe.customers import Customers
from provider_stripe.provider import StripeProvider
from testkit.operations import card, charge, setup

BACK = "https://shop.example/cards"


def pay(token: str = "pm_card_visa", **changes):
    payment_id = ids.new("pay")
    return charge(payment_id=payment_id, operation_id=charge_id(payment_id, 1), method=card(token), **changes)


def keep(token: str = "pm_card_visa", **changes):
    """A card that is to be kept without a payment."""
    method_id = ids.new("pm")
    given = {
        "payment_id": method_id,
        "operation_id": charge_id(method_id, 1),
        "method": card(token),
        "return_url": BACK,
    }
    return setup(**given | changes)


def usd(amount_minor: int) -> Money:
    return Money(amount_minor, "USD")


class Stripe:
    """A provider, the simulator that it calls, and a merchant's account there."""

    def __init__(self, http, receiver) -> None:
        self.http = http
        self.receiver = receiver
        self.customers = MemoryCustomers()
        self.wait_at_most(5)
        self.credentials = samples.CREDENTIALS | {"secret_key": f"sk_test_{ids.token(8)}"}

    def wait_at_most(self, seconds: float) -> None:
        client = StripeClient(self.http, version="2026-10-28.endive", timeout_seconds=seconds)
        self.provider = StripeProvider(client, Customers(client, self.customers), tolerance_seconds=300)

    def attempt(self, operation: ProviderOperation, reference: str | None = None) -> Attempt:
        return samples.attempt(operation, credentials=self.credentials, first_sent_at=clock.now(), reference=reference)

    async def execute(self, operation: ProviderOperation) -> Outcome:
        return checked(operation, await self.provider.execute(replace(self.attempt(operation), first_sent_at=None)))

    async def save(self, operation: ProviderOperation) -> tuple[Attempt, Outcome]:
        """Prepare and execute what keeps a method; the attempt as later tries have it, and the outcome."""
        attempt = self.attempt(operation)
        await self.provider.prepare(attempt)
        return attempt, checked(operation, await self.provider.execute(replace(attempt, first_sent_at=None)))

    async def listed(self, path: str, **query: str) -> list[dict]:
        headers = {"Authorization": f"Bearer {self.credentials['secret_key']}"}
        return (await self.http.get(path, headers=headers, params=query)).raise_for_status().json()["data"]

    async def post(self, path: str, **form: str) -> dict:
        headers = {"Authorization": f"Bearer {self.credentials['secret_key']}"}
        return (await self.http.post(path, headers=headers, data=form)).raise_for_status().json()

    async def query(self, operation: ProviderOperation, reference: str | None = None) -> Outcome:
        return checked(operation, await self.provider.query(self.attempt(operation, reference)))

    async def fault(self, fault: str, **rule) -> None:
        response = await self.http.post("/_sim/faults", json={"fault": fault, "times": 1} | rule)
        assert response.status_code == 201, response.text

    async def book(self, credentials: Credentials | None = None) -> list[tuple[str, int]]:
        headers = {"Authorization": f"Bearer {(credentials or self.credentials)['secret_key']}"}
        book = (await self.http.get("/_sim/book", headers=headers)).json()
        return [(line["kind"], line["amount"]) for line in book["effects"]]

    async def read(self, path: str) -> dict:
        """An object of the account, as Stripe shows it."""
        shown = await self.http.get(
            f"/v1/{path}", headers={"Authorization": f"Bearer {self.credentials['secret_key']}"}
        )
        return shown.raise_for_status().json()

    async def decide(self, intent: str, decision: str) -> None:
        response = await self.http.post(f"/_sim/3ds/{intent}/{decision}", json={})
        assert response.status_code == 200, response.text

    async def outside(self, intent: str, collection: str, **fields) -> dict:
        """Do what no operation does: make `refunds` in the dashboard, or `disputes` at the customer's bank."""
        response = await self.http.post(f"/_sim/payment_intents/{intent}/{collection}", json=fields)
        assert response.status_code == 201, response.text
        return response.json()

    async def end_dispute(self, dispute: dict, end: str) -> None:
        await self.http.post(f"/_sim/disputes/{dispute['id']}/{end}", json={})

    async def answer_dispute(self, dispute: dict, evidence: str) -> None:
        """Show the bank this text, which decides nothing by itself."""
        form = {"evidence[uncategorized_text]": evidence, "submit": "true"}
        headers = {"Authorization": f"Bearer {self.credentials['secret_key']}"}
        response = await self.http.post(f"/v1/disputes/{dispute['id']}", data=form, headers=headers)
        assert response.status_code == 200, response.text

    async def parsed(self) -> list[ParsedCallback]:
        return [await self.provider.parse_callback(one, self.credentials) for one in self.receiver.callbacks]

    async def unmatched(self) -> list:
        return [other for parsed in await self.parsed() for other in parsed.unmatched]

    async def opened(self) -> list:
        return [refund for parsed in await self.parsed() for refund in parsed.opened]

    async def outcomes(self) -> list:
        return [reported for parsed in await self.parsed() for reported in parsed.outcomes]

    async def listen(self) -> None:
        endpoint = {"url": "http://receiver.test", "secret": "whsec_old000000"}
        body = endpoint | {"api_key": self.credentials["secret_key"]}
        assert (await self.http.post("/_sim/webhook_endpoints", json=body)).status_code == 201
