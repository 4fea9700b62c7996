"""The whole service on real stores, two replicas of it: commands in from Kafka, transfers at the simulated bank."""

import asyncio
import json
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from bank_account import PAYMENTS, cancel_of, new_charge, return_request_of

from malipo import ids
from malipo.contracts.outcomes import Canceled, Pending, Reversed, Succeeded, Unknown
from malipo.contracts.provider_commands import Query
from malipo.contracts.topics import OUTCOMES, PROVIDER_COMMANDS
from malipo.platform.client import http_client
from malipo_simulators.bank.app import create_bank_app
from malipo_simulators.bank.settings import BankSettings
from malipo_simulators.kit.server import make_server
from provider_bank.main import build
from provider_bank.settings import Settings
from provider_kit.provider import kind_of
from testkit.service import KEY_RING, ServiceWorld, running
from testkit.serving import serving
from testkit.waiting import until

QUICK = BankSettings(begin_seconds=0, rtp_seconds=0, return_answer_seconds=0, day_seconds=0.1)


@dataclass(kw_only=True)
class World(ServiceWorld):
    """Talks to the service as the rest of Malipo does, and to the simulated bank."""

    provider: str = "bank"
    credential_id: str = field(default_factory=lambda: ids.new("cred"))

    async def configure(self, client: str = "", version: int = 1) -> None:
        """The merchant has an account at the bank, under a name of its own, and this client opens it."""
        oauth = {"client_id": f"shop-{self.merchant_id}{client}", "client_secret": "secret"}
        plain = {"partner": "default", "debtor_account_id": f"acc-{self.merchant_id}", "oauth": oauth}
        await self.set_up(self.credential_id, plain, version)

    async def ask(self, operation) -> None:
        """Query how it stands, as the orchestrator does."""
        about = {name: getattr(operation, name) for name in ("payment_id", "operation_id", "merchant_id", "mode")}
        query = Query(**about, config_version=1, step=2, kind=kind_of(operation))
        await self.send(PROVIDER_COMMANDS["bank"], operation.payment_id, query)

    async def asked_until[T](self, operation, result: type[T]) -> T:
        """The operation's outcome of this kind, by however many queries."""

        async def told():
            await self.ask(operation)
            found = [one.outcome for one in self.reported if one.operation_id == operation.operation_id]
            return next((outcome for outcome in found if isinstance(outcome, result)), None)

        return await until(told, seconds=60, what=result.__name__)

    async def control(self, path: str, **body) -> None:
        response = await self.simulator.post(f"/_sim/{path}", json=body)
        assert response.status_code < 300, response.text


@pytest.fixture
async def world(stores, new_database):
    database_url = new_database("provider_bank")

    def settings_of(name: str, url: str) -> Settings:
        partner = {"mode": "test", "authentication": "oauth2", "api_base": url}
        return Settings(
            instance=name,
            database_url=database_url,
            kafka_bootstrap=stores.kafka,
            key_ring=KEY_RING,
            environment="test",
            bank_partners=json.dumps({"default": partner}),
        )

    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        url = await enter(serving(make_server(create_bank_app(QUICK))))
        bank = await enter(http_client(timeout_seconds=5, base_url=url))
        producer = await enter(AIOKafkaProducer(bootstrap_servers=stores.kafka))
        consumer = AIOKafkaConsumer(OUTCOMES.name, bootstrap_servers=stores.kafka, auto_offset_reset="earliest")
        await enter(consumer)
        http, _ = [await enter(running(build(settings_of(name, url)))) for name in ("one", "two")]
        found = World(producer=producer, consumer=consumer, http=http, simulator=bank)
        listening = asyncio.create_task(found.listen())
        stack.callback(listening.cancel)
        await found.configure()
        yield found


async def test_a_transfer_is_completed_and_given_back_when_the_other_bank_is_asked(world):
    charge = await world.command(new_charge())
    paid = await world.asked_until(charge, Succeeded)
    asked = await world.command(return_request_of(charge, paid.reference))
    await world.asked_until(asked, Succeeded)
    assert (await world.asked_until(charge, Reversed)).code == "FOCR"
    assert await world.book() == ["debit", "return"]


async def test_the_lost_answer_of_a_transfer_is_a_doubt_that_the_query_ends(world):
    lost = {"path": PAYMENTS, "method": "POST"}
    await world.control("faults", fault="answer_lost", times=1, match=lost)
    charge = await world.command(new_charge("BOOK"))
    await world.outcome(charge, Unknown)
    await world.asked_until(charge, Succeeded)
    assert await world.book() == ["debit"]


async def test_what_is_held_is_canceled(world):
    await world.control("scripts", plan="hold")
    charge = await world.command(new_charge())
    held = await world.outcome(charge, Pending)
    cancel = await world.command(cancel_of(charge, held.reference))
    assert await world.outcome(cancel, Canceled) == Canceled(reference=held.reference)
    assert await world.book() == []


async def test_replicas_share_a_token_and_a_client_that_is_exchanged_in_mid_load_fails_no_transfer(world):
    charges = [await world.command(new_charge("BOOK")) for _ in range(15)]
    await world.configure(".2", version=2)
    await world.control("tokens/kill")
    charges += [await world.command(new_charge("BOOK", config_version=2)) for _ in range(15)]
    for charge in charges:
        await world.asked_until(charge, Succeeded)
    payments = (await world.simulator.get("/_sim/payments", params={"limit": 1000})).json()
    made = Counter(payment["end_to_end_id"] for payment in payments)
    assert (len(made), set(made.values())) == (30, {1})
    assert 1 <= await world.requests("/oauth2/token") <= 3
