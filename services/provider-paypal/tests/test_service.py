"""The whole service on real stores, two replicas of it: commands in from Kafka, orders and captures at the simulated PayPal."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import httpx
import paypal_samples as samples
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from paypal_account import Approved as Agreed
from paypal_account import new_charge

from malipo import ids
from malipo.contracts.outcomes import ActionRequired, Approved, Succeeded, Unknown
from malipo.contracts.provider_commands import Query
from malipo.contracts.topics import OUTCOMES, PROVIDER_COMMANDS
from malipo.platform.client import http_client
from malipo_simulators.kit.server import make_server
from malipo_simulators.paypal.app import create_paypal_app
from malipo_simulators.paypal.webhooks.certificates import ROOT
from provider_kit.provider import kind_of
from provider_paypal.main import build
from provider_paypal.settings import Settings
from testkit.service import KEY_RING, ServiceWorld, running
from testkit.serving import serving
from testkit.waiting import until


@dataclass(kw_only=True)
class World(ServiceWorld):
    """Talks to the service as the rest of Malipo does, and to the simulated PayPal."""

    provider: str = "paypal"
    credential_id: str = field(default_factory=lambda: ids.new("cred"))
    credentials: dict = field(default_factory=lambda: samples.CREDENTIALS | {"client_id": f"A{ids.token(16)}"})

    async def configure(self) -> None:
        await self.set_up(self.credential_id, self.credentials)

    async def register(self) -> None:
        """Have PayPal send webhooks to the service."""
        app = {name: self.credentials[name] for name in ("client_id", "client_secret")}
        url = f"https://service.test/callbacks/paypal/{self.credential_id}"
        await self.control("webhooks", id=self.credentials["webhook_ids"][0], url=url, **app)

    async def ask(self, operation, reference: str | None = None) -> None:
        names = ("payment_id", "operation_id", "merchant_id", "mode")
        about = {name: getattr(operation, name) for name in names} | {"config_version": 1, "step": 2}
        query = Query(**about, kind=kind_of(operation), reference=reference)
        await self.send(PROVIDER_COMMANDS["paypal"], operation.payment_id, query)

    async def control(self, path: str, **body) -> None:
        response = await self.simulator.post(f"/_sim/{path}", json=body)
        assert response.status_code < 300, response.text


class Proxy:
    """What stands between PayPal and the service: it hands webhooks on as they come."""

    service: httpx.AsyncClient | None = None  # noqa: TID251

    async def post(self, url, body, headers) -> int:
        assert self.service is not None
        response = await self.service.post(httpx.URL(url).path, content=body, headers=headers)
        return response.status_code

    async def close(self) -> None:
        pass


@pytest.fixture
async def world(stores, new_database, tmp_path):
    database_url = new_database("provider_paypal")
    authorities = tmp_path / "authorities.pem"
    authorities.write_bytes(ROOT)
    proxy = Proxy()

    def settings_of(name: str, url: str) -> Settings:
        return Settings(
            instance=name,
            database_url=database_url,
            kafka_bootstrap=stores.kafka,
            key_ring=KEY_RING,
            environment="test",
            paypal_api_base=url,
            paypal_certificate_origins=url,
            paypal_certificate_authorities_file=authorities,
            paypal_statement_seconds=1,
            paypal_statement_lateness_seconds=60,  # from so long before its first look on an account is read
        )

    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        url = await enter(serving(make_server(create_paypal_app(poster=proxy))))
        paypal = await enter(http_client(timeout_seconds=5, base_url=url))
        producer = await enter(AIOKafkaProducer(bootstrap_servers=stores.kafka))
        consumer = AIOKafkaConsumer(OUTCOMES.name, bootstrap_servers=stores.kafka, auto_offset_reset="earliest")
        await enter(consumer)
        http, _ = [await enter(running(build(settings_of(name, url)))) for name in ("one", "two")]
        proxy.service = http
        found = World(producer=producer, consumer=consumer, http=http, simulator=paypal)
        listening = asyncio.create_task(found.listen())
        stack.callback(listening.cancel)
        await found.configure()
        yield found


async def approved(world) -> Agreed:
    charge = await world.command(new_charge())
    order = (await world.outcome(charge, ActionRequired)).reference
    await world.control(f"orders/{order}/approve")
    return Agreed(charge, order)


async def test_a_payment_is_approved_captured_once_and_given_back(world):
    one = await approved(world)
    await world.ask(one.charge, one.order)
    await world.outcome(one.charge, Approved, "query")
    confirm = await world.command(one.confirm())
    paid = await world.outcome(confirm, Succeeded)
    assert (paid.amount, paid.reference) == (samples.USD_10, one.order)
    refund = await world.command(one.part("refund", 400))
    assert (await world.outcome(refund, Succeeded)).amount.amount_minor == 400
    assert await world.book() == ["capture", "refund"]


async def lose_capture(world) -> None:
    """The answer to the next capture gets lost, and that to the look right after it, too."""
    for fault, match in (
        ("answer_lost", {"path": "/v2/checkout/orders/*/capture"}),
        ("error_before_effect", {"path": "/v2/checkout/orders/*", "method": "GET"}),
    ):
        await world.control("faults", fault=fault, times=1, match=match)


async def test_the_lost_answer_of_a_capture_is_a_doubt_that_the_query_ends(world):
    one = await approved(world)
    await lose_capture(world)
    confirm = await world.command(one.confirm())
    await world.outcome(confirm, Unknown)
    await world.ask(confirm, one.order)
    assert (await world.outcome(confirm, Succeeded, "query")).reference == one.order
    assert await world.book() == ["capture"]


async def test_replicas_share_one_token_and_one_that_dies_in_mid_load_creates_no_order_twice(world):
    charges = [await world.command(new_charge()) for _ in range(15)]
    await world.control("tokens/kill")
    charges += [await world.command(new_charge()) for _ in range(15)]
    for charge in charges:
        await world.outcome(charge, ActionRequired)
    orders = (await world.simulator.get("/_sim/orders", params={"limit": 1000})).json()
    made = Counter(order["purchase_units"][0]["custom_id"] for order in orders)
    assert (len(made), set(made.values())) == (30, {1})
    assert 1 <= await world.requests("/v1/oauth2/token") <= 2


async def test_a_webhook_that_nobody_has_signed_is_refused(world):
    event = samples.event("PAYMENT.CAPTURE.COMPLETED", samples.captured())

    async def known() -> bool:
        response = await world.http.post(f"/callbacks/paypal/{world.credential_id}", json=event)
        return response.status_code == 401

    await until(known, what="the credentials")
    assert (await world.http.post("/callbacks/paypal/cred_of_nobody", json=event)).status_code == 404


async def test_a_webhook_tells_of_the_approval_and_of_the_capture_whose_answer_was_lost(world):
    await world.register()
    one = await approved(world)
    await world.outcome(one.charge, Approved, "callback")
    await lose_capture(world)
    confirm = await world.command(one.confirm())
    await world.outcome(confirm, Unknown)
    assert (await world.outcome(one.charge, Succeeded, "callback")).amount == samples.USD_10
    assert await world.book() == ["capture"]


async def test_without_any_webhook_the_statement_finds_the_capture_whose_answer_was_lost(world):
    one = await approved(world)
    await lose_capture(world)
    await world.outcome(await world.command(one.confirm()), Unknown)
    found = await world.outcome(one.charge, Succeeded, "query")
    assert (found.amount, found.reference) == (samples.USD_10, one.order)
