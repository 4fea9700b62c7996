"""A simulated PayPal in the test's own process, a client of it, and a receiver of its webhooks. PayPal's documents judge all."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from malipo_simulators.kit.webhooks.posting import HttpxPoster
from malipo_simulators.paypal.app import create_paypal_app
from malipo_simulators.paypal.notifications.publishing import Told, envelope
from malipo_simulators.paypal.settings import PaypalSettings

sys.path.append(str(Path(__file__).parent))

FAST = PaypalSettings(
    seed="tests",
    webhook_delay_seconds=0,
    webhook_timeout_seconds=2,
    webhook_retry_seconds=(0.01,) * 25,
    approve_seconds=0.01,
    pending_seconds=600,
)
DEADLINE_SECONDS = 10
FULL = "return=representation"
CONTEXT = {
    "return_url": "https://shop.test/back?cart=7",
    "cancel_url": "https://shop.test/cancel",
    "user_action": "PAY_NOW",
    "shipping_preference": "NO_SHIPPING",
}


class Inbox:
    """A receiver of webhooks: keeps what came, answers with the statuses it was given, then with 200."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.statuses: list[int] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(self.statuses.pop(0) if self.statuses else 200)

    @property
    def events(self) -> list[dict]:
        return [json.loads(request.content) for request in self.requests]

    @property
    def types(self) -> list[str]:
        return [event["event_type"] for event in self.events]

    async def until(self, count: int) -> list[httpx.Request]:
        for _ in range(DEADLINE_SECONDS * 100):
            if len(self.requests) >= count:
                return self.requests
            await asyncio.sleep(0.01)
        pytest.fail(f"{count} notifications did not come (came: {self.types})")


class PaypalDriver:
    """A client with the token of one app; `happenings` is what a follower was told, `inbox` what came to webhooks."""

    def __init__(self, http: httpx.AsyncClient, world, inbox: Inbox | None = None) -> None:
        self.http = http
        self.world = world
        self.inbox = inbox or Inbox()
        self.happenings: list = []
        self.token: str | None = None
        self._count = 0
        world.follow(self.happenings.append)

    @property
    def types(self) -> list[str]:
        return [happening.type.value for happening in self.happenings]

    async def new_token(self, client_id: str = "client", secret: str = "secret") -> str:
        answer = await self.http.post(
            "/v1/oauth2/token", data={"grant_type": "client_credentials"}, auth=(client_id, secret)
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]

    async def send(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """`key=` is the PayPal-Request-Id, `fault=` an X-Sim-Fault, `prefer=`, `mock=` an issue of a negative test."""
        if self.token is None:
            self.token = await self.new_token()
        names = {"key": "paypal-request-id", "fault": "x-sim-fault", "mock": "paypal-mock-response"}
        given = {names.get(name, name.replace("_", "-")): value for name, value in headers.items()}
        sent = {"authorization": f"Bearer {self.token}", "content-type": "application/json"} | given
        if "mock" in headers:
            sent["paypal-mock-response"] = f'{{"mock_application_codes": "{headers["mock"]}"}}'
        return await self.http.request(method, path, json=body, headers=sent)

    async def get(self, path: str) -> dict:
        answer = await self.send("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: object = None, **headers: str) -> httpx.Response:
        return await self.send("POST", path, body, **headers)

    async def create(self, *, key: str | None = None, unit: dict | None = None, **changed: object) -> httpx.Response:
        """Ask for an order of 10.00 USD; `unit` overrides parts of its purchase unit, and None leaves them out."""
        self._count += 1
        asked = {
            "intent": "CAPTURE",
            "purchase_units": [without_none({"amount": usd("10.00"), "custom_id": "op_7"} | (unit or {}))],
            "payment_source": {"paypal": {"experience_context": CONTEXT}},
        }
        headers = {name: changed.pop(name) for name in ("fault", "prefer") if name in changed}
        return await self.post(
            "/v2/checkout/orders", without_none(asked | changed), key=key or f"key-{self._count}", **headers
        )

    async def created(self, **how: object) -> str:
        """The order's id."""
        answer = await self.create(**how)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    async def approved(self, *, funding: str = "balance", **how: object) -> str:
        order = await self.created(**how)
        await self.approve(order, funding)
        return order

    async def approve(self, order: str, funding: str = "balance") -> dict:
        return await self.control(f"orders/{order}/approve", {"funding": funding})

    async def pay(self, order: str, verb: str = "capture", **headers: str) -> httpx.Response:
        return await self.post(f"/v2/checkout/orders/{order}/{verb}", {}, **headers)

    async def captured(self, **how: object) -> dict:
        """The capture of an order that was approved and captured."""
        order = await self.approved(**how)
        answer = await self.pay(order, prefer=FULL)
        assert answer.status_code == 201, answer.text
        [made] = answer.json()["purchase_units"][0]["payments"]["captures"]
        return await self.get(f"/v2/payments/captures/{made['id']}")

    async def authorized(self, **how: object) -> dict:
        order = await self.approved(intent="AUTHORIZE", **how)
        answer = await self.pay(order, "authorize", prefer=FULL)
        assert answer.status_code == 201, answer.text
        [made] = answer.json()["purchase_units"][0]["payments"]["authorizations"]
        return await self.get(f"/v2/payments/authorizations/{made['id']}")

    async def refund(self, capture: str, body: dict | None = None, **headers: str) -> httpx.Response:
        return await self.post(f"/v2/payments/captures/{capture}/refund", body or {}, **headers)

    async def control(self, path: str, data: dict | None = None) -> dict:
        answer = await self.http.post(f"/_sim/{path}", json=data)
        assert answer.status_code < 300, answer.text
        return answer.json()

    async def later(self, seconds: int) -> dict:
        return await self.control("clock", {"advance_seconds": seconds})

    async def book(self, **filters: str) -> dict:
        return (await self.http.get("/_sim/book", params=filters)).json()

    async def effects(self) -> list[tuple[str, int]]:
        return [(line["kind"], line["amount"]) for line in (await self.book())["effects"]]


def usd(value: str) -> dict:
    return {"currency_code": "USD", "value": value}


def without_none(body: dict) -> dict:
    return {name: value for name, value in body.items() if value is not None}


def issues_of(answer: httpx.Response) -> list[str]:
    """With the status, as in [422, "ORDER_NOT_APPROVED"]."""
    return [answer.status_code, *(one["issue"] for one in answer.json().get("details", []))]


@asynccontextmanager
async def simulated_paypal(**settings: object) -> AsyncIterator[PaypalDriver]:
    """A simulated PayPal with settings of its own."""
    from spec_judge import Judge, JudgedTransport

    inbox, judge = Inbox(), Judge()
    app = create_paypal_app(replace(FAST, **settings), HttpxPoster(2, httpx.MockTransport(inbox)))
    world = app.state.world
    transport = JudgedTransport(httpx.ASGITransport(app), judge, world)
    async with httpx.AsyncClient(transport=transport, base_url="http://paypal.test") as http:
        driver = PaypalDriver(http, world, inbox)
        driver.judge = judge
        yield driver
    await world.close()
    for one in driver.happenings:
        told = Told(one.type, one.resource_type, one.resource, one.at)
        judge.notification(envelope("WH-TOLD", told, "http://paypal.test"))
    for request in inbox.requests:
        judge.notification(request.content)


@pytest_asyncio.fixture
async def paypal() -> AsyncIterator[PaypalDriver]:
    async with simulated_paypal() as driver:
        yield driver


@pytest.fixture(name="paypal_with")
def paypal_with_fixture() -> Callable:
    return simulated_paypal


@pytest.fixture(name="issues")
def issues_fixture() -> Callable:
    return issues_of


@pytest.fixture(name="usd")
def usd_fixture() -> Callable:
    return usd
