"""What no webhook has told: read by the time of change, and by the bank's days, of which nothing is believed that does not add up."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import bank_samples as samples
import httpx
import pytest
from bank_samples import PAYMENT_ID, USD_10, payment, problem, returned
from prometheus_client import REGISTRY

from malipo.contracts.outcomes import Reversed, Succeeded
from malipo.contracts.providers.bank import own_reference
from malipo.money import Money
from malipo.platform.client import http_client
from provider_bank.client import BankClient
from provider_bank.connections import Connections
from provider_bank.statement import BankStatement
from provider_bank.statement_rows import days_ready
from provider_kit.attempt_rows import OriginalAttempt
from provider_kit.credentials import Account
from provider_kit.errors import NotSent
from provider_kit.provider import Ages, ParsedCallback
from provider_kit.references import OWN
from provider_kit.statement import Stretch
from testkit.tokens import MemoryTokens

NOON = datetime(2026, 11, 27, 17, tzinfo=UTC)  # noon in New York
LATEST = Stretch(NOON - timedelta(hours=1), NOON, NOON - timedelta(minutes=5))
EARLIER = Stretch(NOON - timedelta(hours=1), NOON, NOON)
NIGHT = Stretch(datetime(2026, 11, 28, 6, tzinfo=UTC), datetime(2026, 11, 28, 8, tzinfo=UTC), NOON)
"""In it the statement of the 27th is asked for: two hours after midnight in New York."""
CHARGE = samples.charge()
OWN_NAME = own_reference(CHARGE.operation_id)
PAID = Succeeded(amount=USD_10, reference=PAYMENT_ID)


def attempted(success=None, *, known: bool = True, merchant_id: str = CHARGE.merchant_id) -> OriginalAttempt:
    """The attempt of the charge; `known` by the bank's id of it as well."""
    given = [("payment", PAYMENT_ID)] if known else []
    operation = samples.charge(merchant_id=merchant_id)
    return OriginalAttempt(
        operation, {}, NOON, None, PAYMENT_ID if known else None, None, Ages(), [(OWN, OWN_NAME), *given], success=success
    )  # fmt: skip


def entry(kind: str = "transfer", direction: str = "debit", **changes) -> dict:
    return {
        "id": "ent_1",
        "booked_at": "2026-11-27T15:00:02.000000Z",
        "direction": direction,
        "amount": "10.00",
        "currency": "USD",
        "end_to_end_id": OWN_NAME,
        "payment_id": PAYMENT_ID,
        "kind": kind,
        "text": "Grace Brewster Hopper",
    } | changes


def day(*entries: dict, opening: str = "100.00", closing: str = "90.00", **changes) -> dict:
    shown = {"opening_balance": opening, "closing_balance": closing, "entries": list(entries)}
    return {"debtor_account_id": samples.ACCOUNT, "date": "2026-11-27", "currency": "USD"} | shown | changes


@dataclass
class Bank:
    """Shows payments by the time of their last change, in pages, and the statement of one day."""

    payments: list[dict] = field(default_factory=list)
    statement: dict | None = None
    page: int = 500
    book: dict | None = None
    refusal: httpx.Response | None = None
    shown_whole: bool = False
    asked: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        match request.url.path:
            case "/oauth2/token":
                token = {"access_token": "t", "token_type": "Bearer", "expires_in": 900}
                return httpx.Response(200, json=token)
            case _ if self.refusal is not None:
                return self.refusal
            case "/v1/payments":
                return httpx.Response(200, json=self.listed(request.url.params))
            case "/v1/statements" if self.statement is None:
                return httpx.Response(404, json=problem(404, "statement_not_ready"))
            case "/v1/statements":
                return httpx.Response(200, json=self.statement)
            case _ if self.book is None:
                return httpx.Response(404, json=problem(404, "not_found"))
            case _:
                return httpx.Response(200, json=self.book)

    def listed(self, asked) -> dict:
        first = int(asked.get("cursor", 0))
        shown = [one for one in self.payments if self.shown_whole or one["updated_at"] > asked["updated_after"]]
        more = str(first + self.page) if len(shown) > first + self.page else None
        return {"data": shown[first : first + self.page], "next_cursor": more}

    def asked_for(self, path: str) -> list[httpx.Request]:
        return [request for request in self.asked if request.url.path == path]


@pytest.fixture
def bank() -> Bank:
    return Bank()


@pytest.fixture
def known() -> list[OriginalAttempt]:
    """What has been attempted."""
    return [attempted()]


@pytest.fixture
async def read(bank, known):
    account = Account("cred_1", CHARGE.merchant_id, "test", "default", samples.CREDENTIALS)

    async def find(_operations, references) -> dict:
        assert not any("\0" in one for one in references), "PostgreSQL takes no NUL"
        return {str(at): one for at, one in enumerate(known) if one.ids & set(references)}

    async with http_client(timeout_seconds=5, transport=httpx.MockTransport(bank)) as http:
        client = BankClient(Connections(lambda *_: http), MemoryTokens())
        statement = BankStatement(client, samples.PARTNERS, find)

        async def pages(stretch: Stretch = LATEST) -> list[ParsedCallback]:
            return [report async for page in statement.pages(account, stretch) for report in page]

        yield pages


def days(result: str) -> float:
    return REGISTRY.get_sample_value("malipo_bank_statements_total", {"result": result}) or 0


def changed_at(minutes: float, status: str = "processing", **changes) -> dict:
    at = (NOON + timedelta(minutes=minutes)).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return payment(status, updated_at=at, **changes)


@pytest.mark.parametrize("page", [1, 2, 500])
async def test_every_change_is_read_once_however_many_pages_there_are(bank, read, page):
    bank.payments, bank.page = [changed_at(-50 + at, id=f"pmt_{at}", version=at) for at in range(5)], page
    assert [one.callback_id for one in await read()] == [f"payment/pmt_{at}/{at}" for at in range(5)]
    assert len(bank.asked_for("/v1/payments")) == -(-5 // page)


async def test_of_an_earlier_time_no_more_pages_are_read_and_of_the_latest_all_for_a_clock_that_is_ahead(bank, read):
    bank.payments, bank.page = [changed_at(1 + at, id=f"pmt_{at}") for at in range(4)], 2
    assert len(await read(EARLIER)) == 2
    assert len(await read(LATEST)) == 4


async def test_payments_of_other_accounts_of_the_same_customer_are_passed_over(bank, read):
    bank.payments = [changed_at(-5, debtor_account_id="acc-2")]
    assert await read() == []


@pytest.mark.parametrize(
    ("status", "success", "told"),
    [
        ("completed", None, True),
        ("completed", PAID, False),
        ("initiated", None, False),
        ("processing", None, True),
        ("returned", PAID, True),
    ],
)
async def test_what_is_known_already_is_told_no_second_time(bank, read, known, status, success, told):
    known[:] = [attempted(success)]
    back = {"returned": returned()["returned"]} if status == "returned" else {}
    bank.payments = [payment(status, updated_at="2026-11-27T16:30:00.000000Z", **back)]
    assert bool(await read()) is told


async def test_the_answer_to_a_return_request_is_told_of_a_transfer_that_is_known_to_have_arrived(bank, read, known):
    known[:] = [attempted(PAID)]
    refused = {"id": "rrq_1", "status": "refused", "answer": {"code": "CUST", "text": "x"}}
    bank.payments = [payment("completed", updated_at="2026-11-27T16:30:00.000000Z", return_request=refused)]
    [told] = await read()
    assert [(one.kind, one.references) for one in told.ask] == [("return_request", {"return_request": "rrq_1"})]


async def test_a_charge_whose_answer_was_lost_is_found_by_its_own_name(bank, read, known):
    known[:] = [attempted(known=False)]
    bank.payments = [payment("initiated", updated_at="2026-11-27T16:30:00.000000Z")]
    ((report,),) = [one.outcomes for one in await read()]
    assert report.own == OWN_NAME


@pytest.mark.parametrize("refusal", [httpx.Response(503), httpx.Response(429), httpx.Response(200, content=b"<html>")])
async def test_what_cannot_be_read_now_is_read_later(bank, read, refusal):
    bank.refusal = refusal
    with pytest.raises(NotSent):
        await read()


def test_a_days_statement_is_asked_for_once_two_hours_after_the_day_has_ended_where_the_bank_is():
    ready = datetime(2026, 11, 28, 7, tzinfo=UTC)  # New York is five hours behind
    assert days_ready(ready - timedelta(minutes=1), ready) == [date(2026, 11, 27)]
    assert days_ready(ready, ready + timedelta(minutes=1)) == [date(2026, 11, 27)]
    assert days_ready(ready + timedelta(seconds=1), ready + timedelta(hours=23)) == []
    assert days_ready(ready - timedelta(days=2), ready) == [date(2026, 11, number) for number in (25, 26, 27)]


async def test_an_entry_that_is_known_is_matched_and_one_that_is_not_makes_us_ask(bank, read, known):
    bank.statement = day(entry())
    (report,) = await read(NIGHT)
    assert [one.operation_id for one in report.ask] == [CHARGE.operation_id]
    known[:] = [attempted(PAID)]
    assert await read(NIGHT) == []


@pytest.mark.parametrize(
    "stranger",
    [
        entry(payment_id="pmt_9", end_to_end_id="ANOTHER"),
        entry("other", "credit", payment_id=None, end_to_end_id=None),
        entry("return", "credit", payment_id="pmt_9", end_to_end_id=None),
    ],
    ids=["a payment", "money that came", "a return"],
)
async def test_money_that_nothing_explains_goes_to_suspense_without_anybodys_name(bank, read, stranger):
    bank.statement = day(stranger, closing="90.00" if stranger["direction"] == "debit" else "110.00")
    (report,) = await read(NIGHT)
    (money,) = report.received
    assert (money.amount, money.account_reference) == (USD_10, None)
    assert money.reference == ("pmt_9" if stranger["kind"] == "transfer" else "ent_1")
    assert "Grace" not in money.description


async def test_a_fee_is_the_banks_own_and_what_is_of_another_merchant_is_theirs_to_tell(bank, read, known):
    known[:] = [attempted(merchant_id="mer_other")]
    bank.statement = day(entry("fee", payment_id=None, end_to_end_id=None), entry(id="ent_2"), closing="80.00")
    assert await read(NIGHT) == []


@pytest.mark.parametrize("book", [returned(), payment("completed"), None], ids=["told", "not told", "gone"])
async def test_money_that_came_back_is_told_with_its_reason_if_the_payment_shows_one(bank, read, known, book):
    known[:] = [attempted(PAID)]
    bank.statement, bank.book = day(entry("return", "credit"), closing="110.00"), book
    (report,) = await read(NIGHT)
    (told,) = report.outcomes
    assert (type(told.outcome), told.outcome.reference) == (Reversed, PAYMENT_ID)
    assert told.outcome.code == ("R02" if book and book["status"] == "returned" else "NARR")
    known[:] = [attempted(told.outcome)]
    assert await read(NIGHT) == []


async def test_money_that_left_once_more_under_the_same_name_is_no_charges_of_ours(bank, read, known):
    known[:] = [attempted(PAID)]
    bank.payments = [payment("completed", id="pmt_9", updated_at="2026-11-28T06:30:00.000000Z")]
    bank.statement = day(entry(), entry(id="ent_2", payment_id="pmt_9"), closing="80.00")
    listed, booked = await read(NIGHT)
    assert listed.outcomes[0].otherwise.reference == "pmt_9"
    assert [money.reference for money in booked.received] == ["pmt_9"]


async def test_a_payment_that_is_booked_twice_is_for_a_person(bank, read, known):
    known[:] = [attempted(PAID)]
    bank.statement = day(entry(), entry(id="ent_2"), closing="80.00")
    (report,) = await read(NIGHT)
    assert [one.references["entry"] for one in report.unmatched] == ["ent_2"]


async def test_money_that_came_back_of_a_charge_whose_answer_was_lost_is_told_of_that_charge(bank, read, known):
    known[:] = [attempted(known=False)]
    bank.statement, bank.book = day(entry("return", "credit"), closing="110.00"), returned()
    (report,) = await read(NIGHT)
    assert [one.operation_id for one in report.outcomes] == [CHARGE.operation_id]


async def test_a_payment_that_cannot_be_read_is_for_a_person_and_keeps_no_other_waiting(bank, read):
    bank.payments = [changed_at(-5, "completed", id="pmt_8", currency="JPY"), changed_at(-4, id="pmt_9")]
    unread, other = await read()
    assert [one.references for one in unread.unmatched] == [{}]
    assert other.outcomes[0].references["payment"] == "pmt_9"


@pytest.mark.parametrize(
    "odd", [{"id": "no id"}, {"amount": 10.0}, {"status": None}, {"end_to_end_id": None}, {"updated_at": 5}]
)
async def test_a_row_that_is_no_payment_keeps_none_of_its_page_nor_of_the_next_waiting(bank, read, odd):
    bank.page, bank.shown_whole = 2, True
    bank.payments = [changed_at(-6, id="pmt_7"), changed_at(-5) | odd, changed_at(-4, id="pmt_9")]
    first, unread, last = await read()
    assert [one.references for one in unread.unmatched] == [{}]
    assert [one.outcomes[0].references["payment"] for one in (first, last)] == ["pmt_7", "pmt_9"]


async def test_a_name_that_no_table_holds_keeps_nothing_waiting(bank, read):
    bank.payments = [changed_at(-5, "completed", id="pmt_8", end_to_end_id="E2E\0")]
    bank.statement = day(entry(end_to_end_id="E2E\0", payment_id=None))
    (listed,) = await read()
    assert listed.outcomes[0].references["payment"] == "pmt_8"
    (booked,) = await read(NIGHT)
    assert [money.reference for money in booked.received] == ["ent_1"]


@pytest.mark.parametrize("odd", [{"error": "no"}, [], returned() | {"returned": []}])
async def test_money_that_came_back_is_told_though_the_bank_cannot_be_understood_about_its_reason(
    bank, read, known, odd
):
    known[:] = [attempted(PAID)]
    bank.statement, bank.book = day(entry("return", "credit"), closing="110.00"), odd
    (report,) = await read(NIGHT)
    assert isinstance(report.outcomes[0].outcome, Reversed)


@pytest.mark.parametrize("kind", [("transfer", "debit"), ("return", "credit")])
async def test_another_amount_than_was_ordered_is_for_a_person(bank, read, known, kind):
    known[:] = [attempted(PAID)]
    bank.statement = day(entry(*kind, amount="9.00"), closing="91.00" if kind[1] == "debit" else "109.00")
    (report,) = await read(NIGHT)
    (unmatched,) = report.unmatched
    assert (unmatched.amount, unmatched.references["payment"]) == (Money(900, "USD"), PAYMENT_ID)
    assert not report.outcomes


@pytest.mark.parametrize(
    "false",
    [
        day(entry(), closing="90.01"),
        day(entry(amount="ten")),
        day(entry(amount="-10.00"), closing="110.00"),
        day(entry(currency="XYZ")),
        day(entry(), entry(id="ent_2", currency="EUR"), closing="80.00"),
        day(entry(), debtor_account_id="acc-2"),
        {"entries": []},
    ],
    ids=["totals", "no amount", "below zero", "no currency", "two currencies", "another account", "no statement"],
)
async def test_nothing_of_a_statement_that_does_not_add_up_is_believed_and_it_is_alerted(bank, read, false):
    before = days("unbalanced")
    bank.statement = false
    assert await read(NIGHT) == []
    assert days("unbalanced") == before + 1


async def test_a_statement_that_is_not_there_yet_keeps_nothing_else_waiting(bank, read):
    before = days("missing")
    bank.payments = [payment("processing", updated_at="2026-11-28T06:30:00.000000Z")]
    assert len(await read(NIGHT)) == 1
    assert days("missing") == before + 1
