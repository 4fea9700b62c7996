"""A simulated bank in the test's own process, and a customer of it. The contract judges all that it says."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from malipo_simulators.bank.app import create_bank_app
from malipo_simulators.bank.settings import BankSettings

sys.path.append(str(Path(__file__).parent))

DAY = 86_400
# A day lasts a day, so that a test moves the clock: but every rail is open, whenever the test runs.
OPEN = BankSettings(
    seed="tests",
    begin_seconds=10,
    rtp_seconds=10,
    zelle_seconds=20,
    hold_seconds=60,
    research_seconds=60,
    return_answer_seconds=60,
    day_seconds=DAY,
)
ACCOUNT = {"number": "000123456789", "routing": "021000021"}
DEADLINE_SECONDS = 10


def ending(digits: str) -> dict:
    """A creditor whose account ends so."""
    return {"name": "Jane Doe", "account": ACCOUNT | {"number": f"00012345{digits}"}}


def known_as(value: str) -> dict:
    """A creditor with that alias."""
    return {"name": "Jane Doe", "alias": {"type": "email" if "@" in value else "phone", "value": value}}


class BankDriver:
    """A customer with an access token; `happenings` is what a follower was told."""

    def __init__(self, http: httpx.AsyncClient, world, judge) -> None:
        self.http = http
        self.world = world
        self.judge = judge
        self.happenings: list = []
        self.token: str | None = None
        self._count = 0
        world.follow(self.happenings.append)

    @property
    def told(self) -> list[str]:
        return [happening.type for happening in self.happenings]

    async def new_token(self, client_id: str = "shop", secret: str = "secret") -> str:
        answer = await self.http.post(
            "/oauth2/token", data={"grant_type": "client_credentials"}, auth=(client_id, secret)
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]

    async def send(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """`key=` is the Idempotency-Key, `fault=` an X-Sim-Fault, `api_key=` in place of a token."""
        names = {"key": "idempotency-key", "fault": "x-sim-fault", "api_key": "x-api-key"}
        given = {names.get(name, name.replace("_", "-")): value for name, value in headers.items()}
        if "x-api-key" not in given and "authorization" not in given:
            self.token = self.token or await self.new_token()
            given["authorization"] = f"Bearer {self.token}"
        return await self.http.request(method, path, json=body, headers=given)

    async def get(self, path: str, **headers: str) -> dict:
        answer = await self.send("GET", path, **headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def order(self, *, key: str | None = None, fault: str | None = None, **changed: object) -> httpx.Response:
        """12.50 USD by RTP; None leaves a field out."""
        self._count += 1
        asked = {
            "end_to_end_id": f"e2e{self._count}",
            "rail": "RTP",
            "amount": "12.50",
            "currency": "USD",
            "debtor_account_id": "acc-1",
            "creditor": {"name": "Jane Doe", "account": ACCOUNT},
        }
        body = {name: value for name, value in (asked | changed).items() if value is not None}
        faulty = {"fault": fault} if fault else {}
        return await self.send("POST", "/v1/payments", body, key=key or f"key-{self._count}", **faulty)

    async def ordered(self, **how: object) -> str:
        """The payment's id."""
        answer = await self.order(**how)
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    async def completed(self, **how: object) -> str:
        payment = await self.ordered(**how)
        await self.decide(payment, "complete")
        return payment

    async def payment(self, payment: str) -> dict:
        return await self.get(f"/v1/payments/{payment}")

    async def status(self, payment: str) -> str:
        return (await self.payment(payment))["status"]

    async def control(self, path: str, data: dict | None = None) -> dict:
        answer = await self.http.post(f"/_sim/{path}", json=data)
        assert answer.status_code < 300, answer.text
        return answer.json()

    async def decide(self, payment: str, decision: str, code: str | None = None) -> dict:
        return await self.control(f"payments/{payment}/{decision}", {"code": code} if code else None)

    async def later(self, seconds: float) -> dict:
        """Tokens may end meanwhile."""
        self.token = None
        return await self.control("clock", {"advance_seconds": int(seconds)})

    async def script(self, plan: str, **rest: object) -> dict:
        return await self.control("scripts", {"plan": plan, **rest})

    async def book(self, **filters: str) -> dict:
        return (await self.http.get("/_sim/book", params=filters)).json()

    async def effects(self) -> list[tuple[str, int]]:
        return [(line["kind"], line["amount"]) for line in (await self.book())["effects"]]

    async def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(DEADLINE_SECONDS * 100):
            if condition():
                return
            await asyncio.sleep(0.01)
        pytest.fail(f"it did not come about (told: {self.told})")


def code_of(answer: httpx.Response) -> list:
    """With the status, as in [409, "not_cancelable"]; of fields, each with what is wrong."""
    body = answer.json()
    fields = [(one["field"], one["code"]) for one in body["errors"]] if body["code"] == "invalid" else []
    return [answer.status_code, body["code"], *fields]


@asynccontextmanager
async def simulated_bank(settings: BankSettings = OPEN, **changed: object) -> AsyncIterator[BankDriver]:
    """A simulated bank with settings of its own; all that was told is judged in the end."""
    from contract_judge import Judge, JudgedTransport

    judge, app = Judge(), create_bank_app(replace(settings, **changed))
    world = app.state.world
    transport = JudgedTransport(httpx.ASGITransport(app), judge, world)
    async with httpx.AsyncClient(transport=transport, base_url="http://bank.test") as http:
        driver = BankDriver(http, world, judge)
        yield driver
    await world.close()
    for one in driver.happenings:
        judge.event(one.type, one.resource)


@pytest_asyncio.fixture
async def bank() -> AsyncIterator[BankDriver]:
    async with simulated_bank() as driver:
        yield driver


@pytest.fixture(name="bank_with")
def bank_with_fixture() -> Callable:
    return simulated_bank


@pytest.fixture(name="code")
def code_fixture() -> Callable:
    return code_of


@pytest.fixture(name="ending")
def ending_fixture() -> Callable:
    return ending


@pytest.fixture(name="known_as")
def known_as_fixture() -> Callable:
    return known_as
