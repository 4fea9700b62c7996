"""Statements are read to their end: page by page, in halves where there is too much, and no further than PayPal knows."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
import paypal_samples as samples
import pytest

from malipo.platform.client import http_client
from provider_kit.credentials import Account
from provider_kit.errors import Misconfigured, NotSent
from provider_kit.statement import Stretch
from provider_paypal.client import PaypalClient
from provider_paypal.requests import TOKEN_PATH
from provider_paypal.statement import TERMS, PaypalStatement
from testkit.tokens import MemoryTokens

NOON = datetime(2026, 11, 27, 12, 0, 0, 500, tzinfo=UTC)
STRETCH = Stretch(NOON - timedelta(hours=8), NOON, NOON - timedelta(hours=4))
TOO_MANY = {"name": "RESULTSET_TOO_LARGE", "message": "Result set size is greater than the maximum limit."}


@dataclass
class Search:
    """Shows rows at these times, each named as a payment of ours; at the most `most` of one search, in pages of `page`."""

    rows: dict[str, datetime] = field(default_factory=dict)
    page: int = 500
    most: int = 10_000
    known_until: datetime = NOON
    refusal: httpx.Response | None = None
    asked: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == TOKEN_PATH:
            return httpx.Response(200, json={"access_token": "A21", "token_type": "Bearer", "expires_in": 32400})
        asked = dict(request.url.params)
        self.asked.append(asked)
        if self.refusal is not None:
            return self.refusal
        begins, ends = (datetime.fromisoformat(asked[name]) for name in ("start_date", "end_date"))
        found = [name for name, at in self.rows.items() if begins <= at <= ends]
        if len(found) > self.most:
            return httpx.Response(400, json=TOO_MANY)
        first = (int(asked["page"]) - 1) * self.page
        entries = [samples.statement_json(transaction_id=name) for name in found[first : first + self.page]]
        about = {"total_items": len(found), "total_pages": -(-len(found) // self.page)}
        known_until = self.known_until.isoformat(timespec="seconds")
        return httpx.Response(200, json=samples.statement_page(entries, last_refreshed_datetime=known_until, **about))


@pytest.fixture
def search() -> Search:
    return Search()


@pytest.fixture
async def read(search):
    """Reads that time of the statement; returns the ids of its transactions, in the order in which they came."""
    account = Account("cred_1", "mer_1", "test", "default", samples.CREDENTIALS)

    async def find(operations, references) -> dict:
        return {}

    async with http_client(timeout_seconds=5, transport=httpx.MockTransport(search)) as http:
        hosts = {"test": "https://sandbox.test", "live": "https://live.test"}
        statement = PaypalStatement(PaypalClient(http, MemoryTokens(), hosts=hosts, timeout_seconds=5), find)

        async def pages(stretch: Stretch = STRETCH) -> list[str]:
            found = [report async for page in statement.pages(account, stretch) for report in page]
            return [report.callback_id.split("/")[0] for report in found]

        yield pages


def names(count: int) -> list[str]:
    return [f"{number:017}" for number in range(count)]


def spread(count: int) -> dict[str, datetime]:
    """So many transactions, evenly over the time that is read."""
    whole = STRETCH.until - STRETCH.since
    return {name: STRETCH.since + whole * (at + 0.5) / count for at, name in enumerate(names(count))}


@pytest.mark.parametrize("count", [0, 1, 6, 7, 8, 21])
async def test_every_row_is_read_once_however_many_pages_there_are(search, read, count):
    search.rows, search.page = spread(count), 7
    assert await read() == names(count)
    assert len(search.asked) == max(1, -(-count // 7))


async def test_both_ends_of_the_time_are_read(search, read):
    search.rows = {"first": STRETCH.since, "last": STRETCH.until}
    assert await read() == ["first", "last"]


async def test_a_time_with_more_than_paypal_shows_is_read_by_halves(search, read):
    search.rows, search.most, search.page = spread(40), 6, 2
    found = await read()
    assert (sorted(set(found)), found == sorted(found)) == (names(40), True)


async def test_more_pages_than_paypal_shows_are_never_asked_for(search, read):
    search.rows, search.page = spread(60), 1
    assert sorted(set(await read())) == names(60)
    assert max(int(asked["page"]) for asked in search.asked) <= 20


async def test_more_in_a_moment_than_paypal_shows_is_given_up(search, read):
    search.rows, search.most = dict.fromkeys(names(3), STRETCH.since + timedelta(hours=1)), 2
    with pytest.raises(NotSent, match="in a moment"):
        await read()


async def test_what_paypal_does_not_know_yet_is_not_taken_for_all(search, read):
    search.known_until = STRETCH.again_from - timedelta(minutes=1)
    with pytest.raises(NotSent, match="does not go that far"):
        await read()


async def test_what_is_read_again_anyway_may_be_missing(search, read):
    search.rows, search.known_until = spread(2), STRETCH.again_from + timedelta(minutes=1)
    assert await read() == names(2)


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (httpx.Response(429, headers={"Retry-After": "60"}), NotSent),
        (httpx.Response(503), NotSent),
        (httpx.Response(200, content=b"<html>"), NotSent),
        (httpx.Response(403, json={"name": "NOT_AUTHORIZED"}), Misconfigured),
    ],
    ids=["429", "503", "html", "403"],
)
async def test_what_cannot_be_read_now_is_told_as_such(search, read, refusal, error):
    search.refusal = refusal
    with pytest.raises(error):
        await read()


def test_no_search_is_longer_than_paypal_allows():
    assert TERMS.longest + timedelta(seconds=2) < timedelta(days=31)
    assert TERMS.window < timedelta(days=3 * 365)
