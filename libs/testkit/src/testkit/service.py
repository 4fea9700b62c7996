"""A provider's whole service as the rest of Malipo meets it: commands and outcomes over Kafka, and its health by HTTP."""

import base64
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec
from starlette.types import ASGIApp

from malipo import ids
from malipo.contracts.config import Credential, MerchantConfigured, secret_owner
from malipo.contracts.message import Message, encode
from malipo.contracts.outcomes import Outcome, OutcomeReported
from malipo.contracts.topics import MERCHANT_CONFIG, OUTCOMES, PROVIDER_COMMANDS, Topic
from malipo.platform.application import Application
from malipo.platform.client import http_client
from malipo.platform.secrets import KeyRing
from provider_kit.provider import ProviderOperation
from testkit.waiting import until

KEY_RING = f"k1:{base64.b64encode(b'k' * 32).decode()}"
"""The setting of every service that a test runs."""
RING = KeyRing.parse(KEY_RING)


def client_of(app: ASGIApp) -> httpx.AsyncClient:  # noqa: TID251
    """A client of one port of a service that runs in this process."""
    return http_client(timeout_seconds=5, base_url="http://service.test", transport=httpx.ASGITransport(app))


@asynccontextmanager
async def running(application: Application) -> AsyncGenerator[httpx.AsyncClient]:  # noqa: TID251
    """Run the service in this process; once it is ready, yields a client of its public port, or of its only one."""
    async with application.running(), client_of(application.admin) as admin:

        async def ready() -> bool:
            return (await admin.get("/health/ready")).status_code == 200

        await until(ready, seconds=30, what="readiness")
        if application.public is None:
            yield admin
        else:
            async with client_of(application.public) as http:
                yield http


@dataclass(kw_only=True)
class ServiceWorld:
    """One merchant's account at the provider, whose `simulator` the service calls; `http` is a client of the service."""

    provider: str
    producer: Any  # aiokafka's, which tells no types
    consumer: Any
    http: httpx.AsyncClient  # noqa: TID251
    simulator: httpx.AsyncClient  # noqa: TID251
    merchant_id: str = field(default_factory=lambda: ids.new("mer"))
    reported: list[OutcomeReported] = field(default_factory=list[OutcomeReported])

    async def send(self, topic: Topic, key: str, message: Message) -> None:
        """Send it as its producer would."""
        await self.producer.send_and_wait(topic.name, encode(message), key=key.encode())

    async def set_up(self, credential_id: str, plain: Mapping[str, object], version: int = 1) -> None:
        """The merchant has the account `default` with these credentials."""
        sealed = RING.seal(json.dumps(plain).encode(), owner=secret_owner(self.merchant_id, "test", credential_id))
        credential = Credential(id=credential_id, provider=self.provider, mode="test", ciphertext=sealed)
        configured = MerchantConfigured(merchant_id=self.merchant_id, version=version, credentials=(credential,))
        await self.send(MERCHANT_CONFIG, self.merchant_id, configured)

    async def command[O: ProviderOperation](self, operation: O) -> O:
        """Send it for this merchant, twice as Kafka may; returns what was sent."""
        operation = msgspec.structs.replace(operation, merchant_id=self.merchant_id)
        for _ in range(2):
            await self.send(PROVIDER_COMMANDS[self.provider], operation.payment_id, operation)
        return operation

    async def outcome[T: Outcome](self, operation: ProviderOperation, result: type[T], source: str = "attempt") -> T:
        """The operation's first outcome of this kind from there."""

        def found() -> T | None:
            told = [one for one in self.reported if (one.operation_id, one.source) == (operation.operation_id, source)]
            return next((one.outcome for one in told if isinstance(one.outcome, result)), None)

        told = await until(found, seconds=60, what=f"{result.__name__} by {source}")
        assert told is not None
        return told

    async def listen(self) -> None:
        """Hear what the service reports, for ever."""
        async for record in self.consumer:
            report = OUTCOMES.decode(record.value)
            if isinstance(report, OutcomeReported):
                self.reported.append(report)

    async def book(self) -> list[str]:
        """The kinds of the effects that the simulated provider has booked."""
        return [line["kind"] for line in (await self.simulator.get("/_sim/book")).json()["effects"]]

    async def requests(self, path: str) -> int:
        """How many requests it got at this path."""
        found = (await self.simulator.get("/_sim/requests", params={"limit": 1000})).json()
        return sum(one["path"] == path for one in found)
