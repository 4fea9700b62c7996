"""A merchant's PayBill at the simulated Daraja, the provider that calls it, and what its callbacks say."""

from dataclasses import replace
from datetime import timedelta

import mpesa_samples as samples
from cryptography.x509 import load_pem_x509_certificate

from malipo import clock, ids
from malipo.contracts.commands import PaymentMethod
from malipo.contracts.identity import charge_id
from malipo.contracts.outcomes import Outcome
from malipo_simulators.mpesa.initiators.certificate import CERTIFICATE
from malipo_simulators.mpesa.settings import SANDBOX_PASSKEY, MpesaSettings
from malipo_simulators.mpesa.state.initiators import NAME, PASSWORD
from provider_kit.integrity import checked
from provider_kit.provider import Addressed, Ages, Attempt, ParsedCallback, ProviderOperation, References
from provider_mpesa.account import Certificates
from provider_mpesa.client import MpesaClient
from provider_mpesa.provider import MpesaProvider
from testkit.operations import OWN_BASE
from testkit.tokens import MemoryTokens

CREDENTIALS = samples.CREDENTIALS | {"passkey": SANDBOX_PASSKEY, "initiator": NAME, "initiator_password": PASSWORD}

SETTINGS = MpesaSettings(answer_seconds=0.05, confirm_prompts=False)
"""Of the simulator: customers answer at once, and a prompt is not told as a payment by hand besides."""


def pay(phone: str, **changes):
    payment_id = ids.new("pay")
    method = PaymentMethod(type="mpesa", details={"phone": phone})
    return samples.charge(payment_id=payment_id, operation_id=charge_id(payment_id, 1), method=method, **changes)


class Mpesa:
    """Keeps of each operation what the kit would: the ids that answers gave, and what hints have claimed."""

    def __init__(self, http, receiver) -> None:
        self.http = http
        self.receiver = receiver
        self.credentials = CREDENTIALS | {"consumer_key": ids.token(8)}
        self.pauses = samples.NoPauses()
        self.known: dict[str, References] = {}
        self.wait_at_most(5)

    def wait_at_most(self, seconds: float) -> None:
        keys = {"test": load_pem_x509_certificate(CERTIFICATE.encode()).public_key()}
        hosts = {"test": "", "live": ""}
        client = MpesaClient(self.http, MemoryTokens(), self.pauses, hosts=hosts, timeout_seconds=seconds)
        self.provider = MpesaProvider(client, Certificates(keys), samples.MemoryPurposes(), settle=samples.SETTLE)

    def attempt(self, operation: ProviderOperation, **changes) -> Attempt:
        references = self.known.setdefault(operation.operation_id, References())
        address = f"{OWN_BASE}/callbacks/phone/{operation.operation_id}/{{}}".format
        given = {"credentials": self.credentials, "references": references, "own_address": address}
        return samples.attempt(operation, **given | changes)

    async def execute(self, operation: ProviderOperation, **changes) -> Outcome:
        return await self._done(operation, await self.provider.execute(self.attempt(operation, **changes)))

    async def query(self, operation: ProviderOperation, *, age: timedelta = timedelta(), **changes) -> Outcome:
        sent = self.attempt(operation, first_sent_at=clock.now() - age, ages=Ages(age), **changes)
        return await self._done(operation, await self.provider.query(sent))

    async def _done(self, operation: ProviderOperation, outcome: Outcome) -> Outcome:
        """Keep what was noted, as the kit does with the end of each try."""
        references = self.known[operation.operation_id]
        self.known[operation.operation_id] = References([*references.known, *references.noted], [], references.claims)
        return checked(operation, outcome)

    async def parsed(self, operation: ProviderOperation) -> list[ParsedCallback]:
        """What came to the own addresses of its requests; the ids that hints give are claimed."""
        sent, found = self.attempt(operation), []
        for url, body in self.receiver.posted:
            *_, operation_id, request = url.split("/")
            if operation_id == operation.operation_id:
                about = Addressed(sent.operation, request, self.known[operation_id])
                found.append(await self.provider.parse_callback(samples.callback(body, about=about), self.credentials))
        claims = [pair for one in found for hint in one.outcomes for pair in hint.references.items()]
        known = self.known[operation.operation_id]
        self.known[operation.operation_id] = replace(known, claims=list(dict.fromkeys(claims)))
        return found

    async def hinted(self, operation: ProviderOperation) -> bool:
        return any(one.outcomes for one in await self.parsed(operation))

    async def confirmed(self, operation: ProviderOperation) -> list[Outcome]:
        return [told.outcome for one in await self.parsed(operation) for told in one.confirmed]

    async def control(self, path: str, **body) -> dict:
        response = await self.http.post(f"/_sim/{path}", json=body)
        assert response.status_code < 300, response.text
        return response.json() if response.content else {}

    async def fault(self, fault: str, **rule) -> None:
        await self.control("faults", fault=fault, **{"times": 1} | rule)

    async def book(self) -> list[tuple[str, int]]:
        book = (await self.http.get("/_sim/book")).json()
        return [(line["kind"], line["amount"]) for line in book["effects"]]

    async def prompts(self) -> list[dict]:
        return (await self.http.get("/_sim/prompts")).json()
