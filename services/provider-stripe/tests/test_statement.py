"""An account's lists are read to the end, page by page: events as its webhooks would have brought them, and its balance."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import batched

import httpx
import pytest
import stripe_samples as samples
from stripe_account import pay
from structlog.testing import capture_logs

from malipo import clock
from malipo.contracts.outcomes import Succeeded
from malipo.contracts.providers.stripe import EVENT_TYPES
from malipo.money import Money
from malipo.platform.client import http_client
from provider_kit.credentials import Account
from provider_kit.errors import Misconfigured, NotSent
from provider_kit.movements import Moved
from provider_kit.provider import ParsedCallback
from provider_kit.statement import Known, Stretch, next_look
from provider_stripe.client import StripeClient
from provider_stripe.requests import CLOCK_SKEW
from provider_stripe.statement import TERMS, StripeStatement
from provider_stripe.statement_rows import MOST_TYPES, TRANSACTIONS_PATH

NOON = datetime(2026, 11, 27, 12, 0, 0, 500, tzinfo=UTC)
STRETCH = Stretch(NOON - timedelta(minutes=11), NOON, NOON - timedelta(minutes=6))
ACCOUNT = Account("cred_1", "mer_1", "test", "default", samples.CREDENTIALS)


@dataclass
class Lists:
    """Stripe's lists: of these events, each named and of its time, newest first, in pages of `page`; of as many payouts."""

    events: dict[str, datetime] = field(default_factory=dict)
    page: int = 100
    refusal: httpx.Response | None = None
    asked: list[httpx.QueryParams] = field(default_factory=list)
    balance: httpx.Response | None = None
    asked_of_balance: list[httpx.QueryParams] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        asked = request.url.params
        if request.url.path == TRANSACTIONS_PATH:
            self.asked_of_balance.append(asked)
            return self.balance or httpx.Response(200, json=samples.page())
        self.asked.append(asked)
        if self.refusal is not None and len(self.asked) > 1:
            return self.refusal
        first, last = (int(asked[name]) for name in ("created[gte]", "created[lte]"))
        names = [name for name, at in sorted(self.events.items(), reverse=True) if first <= at.timestamp() <= last]
        if samples.event(samples.intent())["type"] not in asked.get_list("types[]"):
            names = []
        names = names[names.index(asked["starting_after"]) + 1 :] if "starting_after" in asked else names
        shown = [samples.event(samples.intent(), event_id=name) for name in names[: self.page]]
        return httpx.Response(200, json=samples.page(*shown, has_more=len(names) > self.page))


@pytest.fixture
def lists() -> Lists:
    return Lists()


@pytest.fixture
async def read(lists):
    """Reads that time; returns what each event says."""
    transport = httpx.MockTransport(lists)
    async with http_client(timeout_seconds=5, base_url="https://stripe.test", transport=transport) as http:
        statement = StripeStatement(StripeClient(http, version="2026-10-28.endive", timeout_seconds=5))

        async def pages(stretch: Stretch = STRETCH) -> list[ParsedCallback]:
            found = [one async for page in statement.pages(ACCOUNT, stretch) for one in page]
            lists.moved = [one for one in found if isinstance(one, Moved)]
            return [one for one in found if isinstance(one, ParsedCallback)]

        yield pages


def spread(count: int) -> dict[str, datetime]:
    """So many events, evenly over the time that is read."""
    whole = STRETCH.until - STRETCH.since
    return {f"evt_{at:04}": STRETCH.since + whole * (at + 0.5) / count for at in range(count)}


@pytest.mark.parametrize("count", [0, 1, 6, 7, 8, 21])
async def test_every_event_is_read_once_however_many_pages_there_are(lists, read, count):
    lists.events, lists.page = spread(count), 7
    assert sorted(report.callback_id for report in await read()) == sorted(lists.events)
    of_other_types = -(-len(EVENT_TYPES) // MOST_TYPES) - 1
    assert len(lists.asked) == max(1, -(-count // 7)) + of_other_types


async def test_an_event_says_what_its_webhook_says(lists, read):
    lists.events = spread(1)
    (report,) = await read()
    (one,) = report.outcomes
    assert (one.operation_id, one.outcome) == ("pay_1.1", Succeeded(amount=Money(1000, "USD"), reference="pi_1"))


async def test_both_ends_of_the_time_are_read_to_the_second(lists, read):
    lists.events = {"evt_1": STRETCH.since, "evt_2": STRETCH.until.replace(microsecond=0)}
    assert {report.callback_id for report in await read()} == {"evt_1", "evt_2"}


async def test_the_events_are_asked_for_that_webhooks_bring_and_no_others(lists, read):
    await read()
    asked = [query.get_list("types[]") for query in lists.asked]
    assert asked == [list(some) for some in batched(EVENT_TYPES, MOST_TYPES)]


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (httpx.Response(429, headers={"Retry-After": "60"}), NotSent),
        (httpx.Response(429, json=samples.error("invalid_request_error", "lock_timeout")), NotSent),
        (httpx.Response(500), NotSent),
        (httpx.Response(400, json=samples.error("invalid_request_error", "resource_missing")), NotSent),
        (httpx.Response(200, content=b"<html>"), NotSent),
        (httpx.Response(200, json=samples.page({"id": 7})), NotSent),
        (httpx.Response(200, json=samples.page(has_more=True)), NotSent),
        (httpx.Response(401), Misconfigured),
        (httpx.Response(403), Misconfigured),
    ],
    ids=["429", "locked", "500", "a cursor that is gone", "html", "no event", "more, behind nothing", "401", "403"],
)
async def test_what_cannot_be_read_between_two_pages_is_told_as_such(lists, read, refusal, error):
    lists.events, lists.page, lists.refusal = spread(8), 7, refusal
    with pytest.raises(error):
        await read()


async def test_a_rate_limit_says_for_how_long_to_wait(lists, read):
    lists.events, lists.page = spread(8), 7
    lists.refusal = httpx.Response(429, headers={"Retry-After": "60"})
    with pytest.raises(NotSent) as told:
        await read()
    assert told.value.retry_after_seconds == 60


async def test_a_list_without_an_end_is_given_up(lists, read, monkeypatch):
    monkeypatch.setattr("provider_stripe.statement._MOST_PAGES", 3)
    lists.events, lists.page = spread(8), 2
    with pytest.raises(NotSent, match="one look"):
        await read()


async def test_the_balance_is_read_of_the_same_time_with_what_has_moved_it(lists, read):
    await read()
    (asked,) = lists.asked_of_balance
    assert (asked["created[gte]"], asked["created[lte]"]) == tuple(
        str(int(at.timestamp())) for at in (STRETCH.since, STRETCH.until)
    )
    assert asked["expand[]"] == "data.source"


async def test_a_key_that_may_not_read_the_balance_is_told_once_and_reads_events(lists, read):
    lists.events, lists.balance = spread(2), httpx.Response(403)
    with capture_logs() as lines:
        for _ in range(3):
            assert len(await read()) == 2
    assert [(line["event"], line["log_level"]) for line in lines] == [("balance not shown", "warning")]


@pytest.mark.parametrize("status", [429, 500])
async def test_a_balance_that_cannot_be_read_now_is_read_again(lists, read, status):
    lists.balance = httpx.Response(status)
    with pytest.raises(NotSent):
        await read()


@pytest.mark.parametrize("ahead_seconds", [-300, -299, -1, 0, 1, 299, 300])
def test_no_event_is_missed_at_the_border_of_two_looks_however_far_stripes_clock_is_from_ours(ahead_seconds):
    known = Known(NOON - TERMS.lateness, NOON - TERMS.lateness, NOON, NOON + timedelta(days=30))
    found = set[datetime]()
    happened = [NOON + timedelta(seconds=37 * number) for number in range(60)]
    for number in range(1, 12):
        now = NOON + number * TERMS.every
        look = next_look(TERMS, known, now)
        stamped = {at: at + timedelta(seconds=ahead_seconds) for at in happened if at <= now}
        found |= {at for at, shown in stamped.items() if look.stretch.since <= shown <= look.stretch.until}
        known = look.known
    assert found == set(happened)


def test_what_is_read_again_is_more_than_the_clocks_may_differ():
    assert TERMS.lateness > CLOCK_SKEW
    assert TERMS.longest > TERMS.lateness


async def read_simulated(stripe) -> tuple[list[ParsedCallback], list[Moved]]:
    """All that the simulated Stripe shows of the last minutes."""
    account = Account("cred_1", "mer_1", "test", "default", stripe.credentials)
    now = clock.now()
    client = StripeClient(stripe.http, version="2026-10-28.endive", timeout_seconds=5)
    stretch = Stretch(now - timedelta(minutes=5), now + timedelta(seconds=5), now)
    shown = [one async for page in StripeStatement(client).pages(account, stretch) for one in page]
    reports = [one for one in shown if isinstance(one, ParsedCallback)]
    return reports, [one for one in shown if isinstance(one, Moved)]


async def test_what_the_simulated_stripe_shows_is_what_its_webhooks_brought(stripe):
    await stripe.listen()
    for token in ("pm_card_visa", "pm_card_chargeDeclined", "pm_card_threeDSecure2Required"):
        await stripe.execute(pay(token, return_url="https://shop.example/back"))
    brought = {report.callback_id: report for report in await stripe.parsed() if report.outcomes}
    shown, _ = await read_simulated(stripe)
    assert {report.callback_id: report for report in shown} == brought
    assert len(shown) == 3


async def test_the_simulated_balance_moves_by_a_charge_its_refund_and_its_dispute(stripe):
    operation = pay()
    paid = await stripe.execute(operation)
    await stripe.outside(paid.reference, "refunds", amount=400)
    await stripe.outside(paid.reference, "disputes")
    _, moved = await read_simulated(stripe)
    assert {(one.movement.kind, one.movement.amount, one.movement.fee) for one in moved} == {
        ("charge", 1000, 59), ("refund", -400, 0), ("dispute", -600, 1500),
    }  # fmt: skip
    assert all(paid.reference in one.references for one in moved)
    (charge,) = [one for one in moved if one.movement.kind == "charge"]
    assert charge.operation_id == operation.operation_id


async def test_a_restricted_key_of_the_simulated_stripe_shows_events_alone(stripe):
    stripe.credentials |= {"secret_key": "rk_test_without_balance_1"}
    await stripe.execute(pay())
    reports, moved = await read_simulated(stripe)
    assert (len(reports), moved) == (1, [])
