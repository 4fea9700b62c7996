"""A simulated bank that speaks TLS, what its partners authenticate by, and processes of the service that call it."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import bank_samples as samples

from malipo import ids
from malipo.contracts.identity import charge_id
from malipo.contracts.outcomes import Outcome
from malipo.contracts.provider_commands import Charge
from malipo.contracts.providers.bank import DESCRIPTOR
from malipo.messaging.database import Database
from malipo.platform.client import http_client
from malipo_simulators.bank.app import create_bank_app
from malipo_simulators.bank.settings import BankSettings
from malipo_simulators.kit.server import make_server
from malipo_simulators.kit.tls.listening import listen_securely
from malipo_simulators.kit.webhooks.posting import Poster
from provider_bank.client import BankClient
from provider_bank.connections import Connections, client_of
from provider_bank.partners import Authentication, Partner
from provider_bank.provider import BankProvider
from provider_bank.statement import BankStatement
from provider_kit import knowledge
from provider_kit.provider import Attempt, ProviderOperation
from provider_kit.tokens import Tokens, TokenSource
from testkit import operations
from testkit.replica import KEY_RING, ProviderReplica
from testkit.serving import serving
from testkit.tokens import MemoryTokens

WAYS: tuple[Authentication, ...] = ("oauth2", "mtls", "api_key")
ACCOUNT = samples.ACCOUNT
SETTINGS = BankSettings(seed="tls", webhook_retry_seconds=(0.05,) * 20)


def new_charge(rail: str = "BOOK", **changes: Any) -> Charge:
    """Over the bank's own books, which completes it at once."""
    payment_id = ids.new("pay")
    given = {"payment_id": payment_id, "operation_id": charge_id(payment_id, 1), "method": samples.transfer(rail)}
    return samples.charge(**given | changes)


@dataclass
class SecureBank:
    """One bank at two addresses: tests control it by the one in the clear, and the service calls the other one.

    `authority` is the file that vouches for it.
    """

    http: Any
    url: str
    authority: Path

    @property
    def partners(self) -> dict[str, Partner]:
        """It, under the name of each way to authenticate."""
        return {way.replace("_", "-").replace("2", ""): self.partner(way) for way in WAYS}

    def partner(self, way: Authentication, **changes: Any) -> Partner:
        given = {"api_base": self.url, "certificate_authorities": self.authority, "timeout_seconds": 5}
        return Partner.model_validate({"mode": "test", "authentication": way} | given | changes)

    async def certificate(self, **wanted: Any) -> dict[str, str]:
        """A new one of the partner `shop`, as credentials have it."""
        given = await self.control("certificates", **{"partner": "shop"} | wanted)
        return {name: given[name] for name in ("certificate", "private_key", "key_id")}

    async def credentials(self, way: Authentication, **wanted: Any) -> dict[str, Any]:
        """Of the customer `shop` and its account, whichever the way. `wanted` is of a certificate."""
        match way:
            case "oauth2":
                own = {"partner": "oauth", "oauth": {"client_id": "shop", "client_secret": "a secret, with: a colon"}}
            case "mtls":
                own = {"partner": "mtls", "certificate": await self.certificate(**wanted)}
            case "api_key":
                own = {"partner": "api-key", "api_key": "shop.key"}
        return {"debtor_account_id": ACCOUNT, **own}

    async def control(self, path: str, **body: Any) -> dict[str, Any]:
        response = await self.http.post(f"/_sim/{path}", json=body)
        assert response.status_code < 300, response.text
        return response.json() if response.content else {}

    async def revoke(self, credentials: dict[str, Any]) -> None:
        await self.http.delete(f"/_sim/certificates/{credentials['certificate']['key_id']}")

    async def debited(self) -> list[str]:
        """The `end_to_end_id` of each movement of money, in order."""
        book = (await self.http.get("/_sim/book")).json()
        assert {line["kind"] for line in book["effects"]} <= {"debit"}
        return [line["end_to_end_id"] for line in book["effects"]]

    async def requests(self, path: str) -> list[dict[str, Any]]:
        return (await self.http.get("/_sim/requests", params={"path": path, "limit": 20_000})).json()


@asynccontextmanager
async def running(
    folder: Path, *, names: str = "localhost", poster: Poster | None = None
) -> AsyncGenerator[SecureBank]:
    """A new bank. `names`: what its certificate is for. `poster` receives its webhooks."""
    app = create_bank_app(SETTINGS, poster)
    context = app.state.world.certificates.context(names)
    secure = listen_securely("127.0.0.1", 0, context)
    async with serving(make_server(app, secure)) as url, http_client(timeout_seconds=10, base_url=url) as http:
        authority = folder / "authority.pem"
        authority.write_bytes((await http.get("/_sim/authority.pem")).content)
        yield SecureBank(http, f"https://localhost:{secure.port}", authority)


class Caller:
    """The provider of one process, without the kit around it."""

    def __init__(self, partners: dict[str, Partner], connections: Connections, tokens: TokenSource) -> None:
        self.client = BankClient(connections, tokens)
        self.provider = BankProvider(self.client, partners)

    async def charge(self, credentials: dict[str, Any], charge: Charge | None = None) -> Outcome:
        attempt = self.attempt(credentials, charge)
        await self.provider.prepare(attempt)
        return await self.provider.execute(attempt)

    async def query(self, credentials: dict[str, Any], charge: Charge, **changes: Any) -> Outcome:
        attempt = self.attempt(credentials, charge, **changes)
        return await self.provider.query(attempt)

    def attempt(self, credentials: dict[str, Any], charge: Charge | None = None, **changes: Any) -> Attempt:
        return operations.attempt(charge or new_charge(), DESCRIPTOR, credentials, **changes)


@asynccontextmanager
async def calling(partners: dict[str, Partner], tokens: TokenSource | None = None) -> AsyncGenerator[Caller]:
    """With connections of its own."""
    async with AsyncExitStack() as stack:
        connections = Connections(partial(client_of, connect_seconds=5))
        stack.push_async_callback(connections.aclose)
        yield Caller(partners, connections, tokens or MemoryTokens())


class Replica(ProviderReplica):
    """One process of the service upon a real database. Another one upon the same is another process."""

    def __init__(self, caller: Caller, partners: dict[str, Partner], database: Database, name: str) -> None:
        find = partial(knowledge.originals, database.reads)
        statement = BankStatement(caller.client, partners, find, every=timedelta(minutes=1))
        super().__init__(caller.provider, statement, database, name)

    async def told(self, operation: ProviderOperation) -> Outcome | None:
        """The last outcome that is told of this operation."""
        outcomes = await self.outcomes(operation)
        return outcomes[-1] if outcomes else None


@asynccontextmanager
async def replica(bank: SecureBank, database: Database, name: str) -> AsyncGenerator[Replica]:
    tokens = Tokens("bank", database, KEY_RING)
    async with calling(bank.partners, tokens) as caller:
        yield Replica(caller, bank.partners, database, name)
