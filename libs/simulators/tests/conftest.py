"""A simulator in the test's own process, its webhook receiver, and a real server where connections matter."""

import asyncio
import base64
import inspect
import json
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
import pytest_asyncio

from malipo_simulators.kit.server import make_server
from malipo_simulators.kit.webhooks.posting import HttpxPoster
from malipo_simulators.merchant.app import create_merchant_app
from malipo_simulators.mpesa.app import create_mpesa_app
from malipo_simulators.mpesa.settings import SANDBOX_PASSKEY, MpesaSettings
from malipo_simulators.stripe.app import create_stripe_app
from malipo_simulators.stripe.settings import StripeSettings
from malipo_simulators.stripe.webhooks.signing import signature

sys.path.append(str(Path(__file__).parent / "stripe"))
from schema_judge import Judge, JudgedTransport

DEADLINE_SECONDS = 5
BASE = "http://stripe.test"
API_KEY = "sk_test_merchantOne"
FORM = {"authorization": f"Bearer {API_KEY}", "content-type": "application/x-www-form-urlencoded"}


async def wait_until(condition: Callable[[], object], what: str = "the condition") -> None:
    for _ in range(DEADLINE_SECONDS * 100):
        met = condition()
        if await met if inspect.isawaitable(met) else met:
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"{what} did not come true within {DEADLINE_SECONDS} s")


class Inbox:
    """A webhook receiver: keeps what came, answers with the statuses it was given, then with 200."""

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
        return [event["type"] for event in self.events]

    async def until(self, *types: str) -> None:
        await wait_until(lambda: set(types) <= set(self.types), f"{types} (came: {self.types})")


def signed_by(request: httpx.Request, secret: str) -> bool:
    parts = [part.split("=", 1) for part in request.headers["stripe-signature"].split(",")]
    timestamp = int(next(value for name, value in parts if name == "t"))
    wanted = signature(secret, timestamp, request.content)
    return wanted in [value for name, value in parts if name == "v1"]


def signed_at(request: httpx.Request) -> int:
    return int(request.headers["stripe-signature"].split(",")[0].removeprefix("t="))


class Driver:
    """A client of the simulated API: it sends forms."""

    def __init__(self, http: httpx.AsyncClient, inbox: Inbox) -> None:
        self.http = http
        self.inbox = inbox

    async def post(self, path: str, data: dict | None = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post(path, content=urlencode(data or {}, doseq=True), headers=FORM | named)

    async def get(self, path: str, params: dict | None = None, **headers: str) -> httpx.Response:
        return await self.http.get(path, params=params, headers={"authorization": f"Bearer {API_KEY}"} | headers)

    async def pay(
        self, method: str | None = "pm_card_visa", extra: dict | None = None, **headers: str
    ) -> httpx.Response:
        """Create and confirm 10.00 USD on a card that cannot redirect; `extra` overrides, None removes."""
        data = {
            "amount": "1000",
            "currency": "usd",
            "confirm": "true",
            "payment_method": method,
            "automatic_payment_methods[enabled]": "true",
            "automatic_payment_methods[allow_redirects]": "never",
        } | (extra or {})
        sent = {name: value for name, value in data.items() if value is not None}
        return await self.post("/v1/payment_intents", sent, **headers)

    async def paid(self, method: str = "pm_card_visa", extra: dict | None = None, **headers: str) -> dict:
        response = await self.pay(method, extra, **headers)
        assert response.status_code == 200, response.text
        return response.json()

    async def fault(self, fault: str, **rule: object) -> dict:
        response = await self.http.post("/_sim/faults", json={"fault": fault, **rule})
        assert response.status_code == 201, response.text
        return response.json()

    async def listen(self, *types: str) -> dict:
        response = await self.post(
            "/v1/webhook_endpoints", {"url": "http://receiver.test/hook", "enabled_events[]": list(types or ("*",))}
        )
        assert response.status_code == 200, response.text
        return response.json()

    async def book(self, **filters: str) -> dict:
        return (await self.http.get("/_sim/book", params=filters)).json()

    async def effects(self, **filters: str) -> list[tuple[str, int]]:
        return [(line["kind"], line["amount"]) for line in (await self.book(**filters))["effects"]]


FAST = StripeSettings(
    seed="tests",
    webhook_delay_seconds=0,
    webhook_retry_seconds=(0.01,) * 20,
    refund_delay_seconds=0.05,
    settling_seconds=0.02,
    aftermath_seconds=0.02,
    webhook_timeout_seconds=2,
)


@pytest_asyncio.fixture
async def stripe() -> AsyncIterator[Driver]:
    inbox = Inbox()
    app = create_stripe_app(FAST, HttpxPoster(2, httpx.MockTransport(inbox)))
    judge = Judge()
    transport = JudgedTransport(httpx.ASGITransport(app), judge, app.state.world)
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as http:
        yield Driver(http, inbox)
    await app.state.world.close()
    for event in inbox.events:
        judge.event(event)


class MpesaDriver:
    """A client of the simulated Daraja: it sends JSON with the token of one app, unless it is given another."""

    def __init__(self, http: httpx.AsyncClient, inbox: Inbox) -> None:
        self.http = http
        self.inbox = inbox
        self._token: str | None = None

    async def new_token(self, key: str = "key") -> str:
        answer = await self.http.get(MPESA_TOKEN, auth=(key, "secret"))
        return answer.json()["access_token"]

    async def post(
        self, path: str, data: dict, *, token: str | None = None, fault: str | None = None
    ) -> httpx.Response:
        if token is None:
            token = self._token = self._token or await self.new_token()
        headers = {"authorization": f"Bearer {token}"} | ({"x-sim-fault": fault} if fault else {})
        return await self.http.post(path, json=data, headers=headers)

    async def push(self, *, fault: str | None = None, **changed: object) -> httpx.Response:
        """Ask for 10 shillings of a customer at the phone page; what is given overrides, and None leaves a field out."""
        body = merchant_fields() | {
            "TransactionType": "CustomerPayBillOnline",
            "Amount": 10,
            "PartyA": changed.get("PhoneNumber", CUSTOMER),
            "PartyB": "174379",
            "PhoneNumber": CUSTOMER,
            "CallBackURL": "http://shop.test/callback",
            "AccountReference": "ORDER7",
            "TransactionDesc": "Order 7",
        }
        sent = {name: value for name, value in (body | changed).items() if value is not None}
        return await self.post(MPESA_PUSH, sent, fault=fault)

    async def pushed(self, *, fault: str | None = None, **changed: object) -> str:
        """The CheckoutRequestID."""
        answer = await self.push(fault=fault, **changed)
        assert answer.status_code == 200, answer.text
        return answer.json()["CheckoutRequestID"]

    async def query(self, checkout: str, *, fault: str | None = None, **changed: object) -> httpx.Response:
        body = merchant_fields() | {"CheckoutRequestID": checkout}
        return await self.post(MPESA_QUERY, body | changed, fault=fault)

    async def ended(self, checkout: str) -> dict:
        """The query's answer once the prompt has ended."""

        async def decided() -> bool:
            return (await self.query(checkout)).status_code == 200

        await wait_until(decided, "the prompt's end")
        return (await self.query(checkout)).json()

    @property
    def callbacks(self) -> list[dict]:
        """The `stkCallback` of each callback that came."""
        return [one["Body"]["stkCallback"] for one in self.inbox.events]

    async def called_back(self, count: int = 1) -> list[dict]:
        await wait_until(lambda: len(self.callbacks) >= count, f"{count} callbacks")
        return self.callbacks

    async def control(self, path: str, data: dict | None = None) -> dict:
        response = await self.http.post(f"/_sim/{path}", json=data)
        assert response.status_code < 300, response.text
        return response.json()

    async def book(self, **filters: str) -> dict:
        return (await self.http.get("/_sim/book", params=filters)).json()


def merchant_fields(shortcode: str = "174379", passkey: str = SANDBOX_PASSKEY, ahead_seconds: int = 0) -> dict:
    """As a client makes them, in East Africa Time."""
    timestamp = (datetime.now(UTC) + timedelta(hours=3, seconds=ahead_seconds)).strftime("%Y%m%d%H%M%S")
    password = base64.b64encode(f"{shortcode}{passkey}{timestamp}".encode()).decode()
    return {"BusinessShortCode": shortcode, "Password": password, "Timestamp": timestamp}


CUSTOMER = "254712345678"
MPESA_TOKEN = "/oauth/v1/generate?grant_type=client_credentials"
MPESA_PUSH = "/mpesa/stkpush/v1/processrequest"
MPESA_QUERY = "/mpesa/stkpushquery/v1/query"
MPESA_FAST = MpesaSettings(
    seed="tests", webhook_delay_seconds=0, webhook_timeout_seconds=2, answer_seconds=0.02, late_payment_seconds=0.05
)


@asynccontextmanager
async def simulated_mpesa(**settings: object) -> AsyncIterator[MpesaDriver]:
    """A simulated Daraja with settings of its own."""
    inbox = Inbox()
    app = create_mpesa_app(replace(MPESA_FAST, **settings), HttpxPoster(2, httpx.MockTransport(inbox)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://daraja.test") as http:
        yield MpesaDriver(http, inbox)
    await app.state.world.close()


@pytest.fixture(name="merchant_fields")
def merchant_fields_fixture() -> Callable:
    return merchant_fields


@pytest_asyncio.fixture
async def live_mpesa() -> AsyncIterator[MpesaDriver]:
    inbox = Inbox()
    app = create_mpesa_app(MPESA_FAST, HttpxPoster(2, httpx.MockTransport(inbox)))
    async with serving(app) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:
        yield MpesaDriver(http, inbox)


@pytest_asyncio.fixture
async def mpesa() -> AsyncIterator[MpesaDriver]:
    async with simulated_mpesa() as driver:
        yield driver


@pytest.fixture(name="mpesa_with")
def mpesa_with_fixture() -> Callable:
    return simulated_mpesa


@asynccontextmanager
async def serving(app, secure=None) -> AsyncIterator[str]:
    """The app under uvicorn on a free port of the loopback, and with TLS on `secure`."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = make_server(app, secure)
    server.install_signal_handlers = lambda: None
    task = asyncio.create_task(server.serve(sockets=[listener]))
    await wait_until(lambda: server.started, "the server's start")
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        with suppress(asyncio.CancelledError):
            await task
        listener.close()


@pytest.fixture(name="serving")
def serving_fixture() -> Callable:
    return serving


@pytest_asyncio.fixture
async def live_stripe() -> AsyncIterator[Driver]:
    inbox = Inbox()
    app = create_stripe_app(FAST, HttpxPoster(2, httpx.MockTransport(inbox)))
    async with serving(app) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:
        yield Driver(http, inbox)


@pytest_asyncio.fixture
async def merchant() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_merchant_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://merchant.test") as http:
        yield http


@pytest_asyncio.fixture
async def live_merchant() -> AsyncIterator[httpx.AsyncClient]:
    async with serving(create_merchant_app()) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:
        yield http


@pytest.fixture(name="until")
def until_fixture() -> Callable:
    return wait_until


@pytest.fixture(name="is_signed_by")
def is_signed_by_fixture() -> Callable:
    return signed_by


@pytest.fixture(name="signed_at")
def signed_at_fixture() -> Callable:
    return signed_at
