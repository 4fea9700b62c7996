"""The whole service on real stores, two replicas of it: commands in from Kafka, prompts and callbacks at the simulated Daraja."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import override

import httpx
import mpesa_samples as samples
import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from mpesa_account import CREDENTIALS, SETTINGS, pay

from malipo import ids
from malipo.contracts.outcomes import ActionRequired, Pending, Succeeded, Unknown
from malipo.contracts.personal import PersonalKeyIssued
from malipo.contracts.topics import OUTCOMES, PERSONAL_KEYS
from malipo.messaging.database import Database
from malipo.platform.client import http_client
from malipo.platform.personal_data import seal_texts
from malipo_simulators.kit.server import make_server
from malipo_simulators.kit.webhooks.posting import HttpxPoster
from malipo_simulators.mpesa.app import create_mpesa_app
from malipo_simulators.mpesa.initiators.certificate import CERTIFICATE
from provider_kit.credentials import NoCredentials
from provider_mpesa.main import build, register
from provider_mpesa.registrar import Wish
from provider_mpesa.settings import Settings
from testkit.service import KEY_RING, RING, ServiceWorld, running
from testkit.serving import serving
from testkit.waiting import until

PAYS = "254700000000"


class ToService(httpx.AsyncBaseTransport):
    """The way of callbacks to a replica that runs in this process."""

    app = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await httpx.ASGITransport(self.app).handle_async_request(request)


@dataclass(kw_only=True)
class World(ServiceWorld):
    """Talks to the service as the rest of Malipo does, and to the simulated Daraja."""

    provider: str = "mpesa"
    settings: Settings
    database: Database

    async def configure(self, version: int = 1, **more: str) -> str:
        """Returns the credential's id."""
        credential_id = ids.new("cred")
        await self.set_up(credential_id, CREDENTIALS | {"consumer_key": ids.token(8)} | more, version)
        return credential_id

    @override
    async def command(self, operation):
        """With what is personal sealed."""
        if hasattr(operation, "method"):
            phone, payment_id = operation.method.details["phone"], operation.payment_id
            ciphertext, wrapped = seal_texts({"/phone": phone}, payment_id, RING)
            masked = msgspec.structs.replace(
                operation.method, details={"phone": f"{phone[:4]}*****{phone[-3:]}"}, personal=ciphertext
            )
            issued = PersonalKeyIssued(payment_id=payment_id, wrapped=wrapped, providers=("mpesa",))
            await self.send(PERSONAL_KEYS, payment_id, issued)
            operation = msgspec.structs.replace(operation, method=masked)
        return await super().command(operation)

    async def fault(self, fault: str, **rule) -> None:
        response = await self.simulator.post("/_sim/faults", json={"fault": fault, "times": 1} | rule)
        assert response.status_code == 201, response.text

    async def prompts(self) -> list[dict]:
        return (await self.simulator.get("/_sim/prompts", params={"limit": 1000})).json()


@pytest.fixture
async def world(stores, new_database, pool_of, tmp_path):
    certificate, to_service = tmp_path / "certificate.cer", ToService()
    certificate.write_text(CERTIFICATE)
    database_url = new_database("provider_mpesa")

    database = Database()
    database.use(await pool_of(database_url))

    def settings_of(name: str, url: str) -> Settings:
        return Settings(
            instance=name,
            database_url=database_url,
            kafka_bootstrap=stores.kafka,
            key_ring=KEY_RING,
            environment="test",
            callback_base_url="http://service.test",
            mpesa_api_base=url,
            mpesa_certificate_file=certificate,
        )

    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        url = await enter(serving(make_server(create_mpesa_app(SETTINGS, HttpxPoster(5, to_service)))))
        daraja = await enter(http_client(timeout_seconds=5, base_url=url))
        replicas = [build(settings_of(name, url)) for name in ("one", "two")]
        to_service.app = replicas[0].public
        producer = await enter(AIOKafkaProducer(bootstrap_servers=stores.kafka))
        consumer = await enter(
            AIOKafkaConsumer(OUTCOMES.name, bootstrap_servers=stores.kafka, auto_offset_reset="earliest")
        )
        http, _ = [await enter(running(app)) for app in replicas]
        found = World(
            producer=producer,
            consumer=consumer,
            http=http,
            simulator=daraja,
            settings=settings_of("operator", url),
            database=database,
        )
        listening = asyncio.create_task(found.listen())
        stack.callback(listening.cancel)
        await found.configure()
        yield found


async def test_a_payment_is_prompted_once_paid_told_and_given_back(world):
    charge = await world.command(pay(PAYS))
    waiting = await world.outcome(charge, ActionRequired, "attempt")
    assert (waiting.action.phone, waiting.reference) == ("2547*****000", None)
    paid = await world.outcome(charge, Succeeded, "query")  # which its callback has brought about
    (prompt,) = await world.prompts()
    assert paid == Succeeded(amount=samples.KES_10, reference=prompt["receipt"])

    refund = samples.refund(operation_id=ids.new("ref"), payment_id=charge.payment_id, reference=paid.reference)
    refund = await world.command(refund)
    await world.outcome(refund, Pending, "attempt")
    back = await world.outcome(refund, Succeeded, "callback")
    assert back.amount == samples.KES_10
    assert back.reference not in (None, paid.reference)
    assert await world.book() == ["stk", "reversal"]


async def test_a_lost_answer_is_a_doubt_that_the_callback_ends_and_the_phone_rings_once(world):
    await world.fault("answer_lost", match={"path": "/mpesa/stkpush/*"})
    charge = await world.command(pay(PAYS))
    await world.outcome(charge, Unknown, "attempt")
    await world.outcome(charge, Succeeded, "query")
    assert len(await world.prompts()) == 1


async def test_a_payment_of_which_nobody_tells_is_found_in_the_statement_that_the_operator_has_registered(world):
    credential_id = await world.configure(2, pull_number="254722000000")

    async def told():
        try:
            return await register(world.settings, world.database, credential_id, Wish())
        except NoCredentials:
            return None  # not here yet

    assert [(one.done, one.text) for one in await until(told, what="the credentials")] == [(True, "registered")] * 2
    await world.fault("answer_lost", match={"path": "/mpesa/stkpush/*"})
    await world.fault("webhook_drop")
    charge = await world.command(pay(PAYS))
    await world.outcome(charge, Unknown, "attempt")
    found = await world.outcome(charge, Succeeded, "reconciliation")
    (prompt,) = await world.prompts()
    assert found == Succeeded(amount=samples.KES_10, reference=prompt["receipt"])


async def test_replicas_share_one_token_and_one_that_is_killed_in_mid_load_prompts_nobody_twice(world):
    charges = [await world.command(pay(f"25472{number:07}")) for number in range(30, 50)]
    await world.simulator.post("/_sim/tokens/kill", json={})
    charges += [await world.command(pay(f"25472{number:07}")) for number in range(50, 70)]
    for charge in charges:
        await world.outcome(charge, ActionRequired, "attempt")
    prompted = Counter(prompt["account_reference"] for prompt in await world.prompts())
    assert len(prompted) == len(charges)
    assert set(prompted.values()) == {1}
    assert 1 <= await world.requests("/oauth/v1/generate") <= 2


async def test_at_an_address_of_nobodys_a_callback_finds_nothing(world):
    for path in ("/callbacks/phone/", "/callbacks/phone/63726564/00", "/callbacks/mpesa/cred_1"):
        assert (await world.http.post(path, json=samples.paid())).status_code == 404
