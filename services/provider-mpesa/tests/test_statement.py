"""Statements are read to their end, whatever a page holds, and at the pace that M-Pesa allows."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
import mpesa_samples as samples
import pytest

from malipo.platform.client import http_client
from provider_kit.credentials import Account
from provider_kit.errors import Misconfigured, NotReady, NotSent
from provider_kit.statement import Stretch
from provider_mpesa.account import read_account
from provider_mpesa.client import MpesaClient
from provider_mpesa.requests import TOKEN, pull_query
from provider_mpesa.statement import MpesaStatement
from testkit.tokens import MemoryTokens

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
STRETCH = Stretch(NOON - timedelta(hours=2), NOON, NOON)
PULLED = samples.CREDENTIALS | {"pull_number": "254722000000"}


@dataclass
class Daraja:
    """Shows `rows` in pages of `page`; `between` is called after each query, and `refusal` is answered in place of rows."""

    rows: list[str] = field(default_factory=list)
    page: int = 100
    between: list = field(default_factory=list)
    refusal: tuple[int, dict] | None = None
    asked: list[dict] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == TOKEN:
            return httpx.Response(200, json=samples.TOKEN)
        body = json.loads(request.content)
        self.asked.append(body)
        if self.refusal:
            return httpx.Response(self.refusal[0], json=self.refusal[1])
        offset = int(body["OffSetValue"])
        shown = [self._row(name) for name in self.rows[offset : offset + self.page]]
        if self.between:
            self.between.pop(0)()
        code = "1000" if shown else "1001"
        return httpx.Response(200, json={"ResponseCode": code, "Response": [shown] if shown else "[[]]"})

    def _row(self, name: str) -> dict:
        return {"transactionId": name, "trxDate": "2026-11-21T13:00:00Z", "billreference": "INV 7", "amount": "1.00"}


@pytest.fixture
def daraja() -> Daraja:
    return Daraja()


@pytest.fixture
def pauses() -> samples.NoPauses:
    return samples.NoPauses()


@pytest.fixture
async def read(daraja, pauses):
    """Reads the statement of that time; returns the receipts, in the order in which they came."""
    account = Account("cred_1", "mer_1", "test", "default", PULLED)
    async with http_client(timeout_seconds=5, transport=httpx.MockTransport(daraja)) as http:
        hosts = {"test": "http://daraja.test", "live": "http://live.test"}
        client = MpesaClient(http, MemoryTokens(), pauses, hosts=hosts, timeout_seconds=5)

        async def pages(queries_per_minute: int = 60_000) -> list[str]:
            statement = MpesaStatement(client, queries_per_minute=queries_per_minute)
            return [report.callback_id async for page in statement.pages(account, STRETCH) for report in page]

        yield pages


def receipts(count: int, prefix: str = "SKL") -> list[str]:
    return [f"{prefix}{number:07}" for number in range(count)]


@pytest.mark.parametrize("page", [1, 7, 100])
@pytest.mark.parametrize("count", [0, 1, 6, 7, 14, 100])
async def test_every_row_is_read_once_however_many_a_page_has(daraja, read, page, count):
    daraja.rows, daraja.page = receipts(count), page
    assert await read() == receipts(count)


async def test_an_account_at_rest_costs_one_query(daraja, read):
    await read()
    assert [one["OffSetValue"] for one in daraja.asked] == ["0"]


async def test_a_page_that_is_shorter_than_the_first_is_the_last(daraja, read):
    daraja.rows = receipts(230)
    await read()
    assert [one["OffSetValue"] for one in daraja.asked] == ["0", "100", "200"]


async def test_rows_that_come_in_between_two_pages_hide_no_other(daraja, read):
    daraja.rows = receipts(250)
    late = receipts(3, "LATE")
    daraja.between = [lambda: daraja.rows.__setitem__(slice(50, 50), late[:2]), lambda: daraja.rows.insert(0, late[2])]
    assert set(receipts(250)) <= set(await read())


async def test_new_rows_at_the_front_hide_no_other(daraja, read):
    daraja.rows = receipts(250)
    daraja.between = [lambda: daraja.rows.__setitem__(slice(0, 0), receipts(30, "NEW"))]
    assert set(receipts(250)) <= set(await read())


async def test_a_statement_that_repeats_itself_has_an_end(daraja, read):
    daraja.rows = receipts(5)
    daraja.between = [lambda: None] * 3
    daraja.rows *= 40
    assert set(await read()) == set(receipts(5))
    assert len(daraja.asked) == 2


async def test_a_statement_without_end_is_given_up(daraja, read, monkeypatch):
    monkeypatch.setattr("provider_mpesa.statement._MOST_PAGES", 3)
    daraja.rows = receipts(500)
    with pytest.raises(NotSent, match="more pages"):
        await read()


async def test_each_query_waits_for_its_apps_turn(daraja, read, pauses):
    daraja.rows, daraja.page = receipts(3), 1
    await read(queries_per_minute=600)
    assert pauses.turns == [(read_account(PULLED, "test").app, 0.1)] * len(daraja.asked)


def test_tills_of_one_store_have_one_statement_and_are_one_account():
    """M-Pesa is asked by the store's number alone, and shows what each of its tills was paid."""
    tills = [samples.TILL | {"till_number": number} for number in ("500333", "500444")]
    requests = [pull_query(read_account(one, "test"), STRETCH, 0) for one in tills]
    assert requests[0] == requests[1]
    provider = samples.provider(None)
    assert provider.identity(tills[0]) == provider.identity(tills[1])


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        ((400, samples.failure("400.001", "Invalid ShortCode")), Misconfigured),
        ((500, samples.failure("500.003.1001", "Internal Server Error")), NotSent),
        ((500, samples.failure("500.003.02", "Error Occurred: Spike Arrest Violation")), NotReady),
        ((500, samples.failure("500.003.03", "Quota Violation")), NotReady),
    ],
)
async def test_what_is_refused_is_no_empty_statement(daraja, read, refusal, error):
    daraja.refusal = refusal
    with pytest.raises(error):
        await read()


@pytest.mark.parametrize(("credentials", "is_read"), [(PULLED, True), (samples.CREDENTIALS, False)])
def test_only_accounts_with_a_nominated_number_are_read(credentials, is_read):
    statement = MpesaStatement(None, queries_per_minute=30)
    assert statement.is_read(credentials) == is_read
