"""Statements of M-Pesa's as documented and as seen: every shape is read, what is none is no empty one, and nothing is personal."""

import json
from datetime import UTC, datetime, timedelta

import mpesa_samples as samples
import pytest
from hypothesis import given
from hypothesis import strategies as st

from malipo.contracts.providers.mpesa import own_reference
from malipo.money import Money
from provider_kit.errors import Misconfigured, NotSent
from provider_kit.provider import ReceivedMoney
from provider_kit.statement import Stretch
from provider_mpesa.account import read_account
from provider_mpesa.objects import MpesaResponse
from provider_mpesa.requests import pull_query
from provider_mpesa.statement_rows import read_page

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
STRETCH = Stretch(NOON - HOUR, NOON, NOON - HOUR / 2)
PAST = Stretch(NOON - HOUR, NOON, NOON)  # nothing of it is read again
NOTHING = "Failed to retrieve transactions. The short code does not have any available transactions."


def row(**changes) -> dict:
    return {
        "transactionId": "SKL4TEST9Z",
        "trxDate": "2026-11-21T14:20:00Z",
        "msisdn": 722000111,
        "sender": "JANE TEST",
        "transactiontype": "c2b-pay-bill-debit",
        "billreference": "INV 7",
        "amount": "168.00",
        "organizationname": "Test Shop",
    } | changes


def answer(shown: object, code: str = "1000", key: str = "Response", **more) -> dict:
    return {"ResponseRefID": "26178-42530161-2", "ResponseCode": code, "ResponseMessage": "Success", key: shown, **more}


def read(body: object, status: int = 200, stretch: Stretch = STRETCH):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_page(MpesaResponse(status, raw), stretch)


def money(*, stretch: Stretch = STRETCH, **changes) -> ReceivedMoney:
    (report,) = read(answer([[row(**changes)]]), stretch=stretch).reports
    (found,) = report.received
    return found


def unmatched(**changes):
    (report,) = read(answer([[row(**changes)]]), stretch=PAST).reports
    assert report.received == ()
    return [(one.event_type, one.references) for one in report.unmatched]


@pytest.mark.parametrize(
    "body",
    [
        answer([[row()]]),
        answer([row()]),
        answer([[row()]], key="Transaction"),
        answer([[[row()]]]),
        answer(json.dumps([[row()]])),
        answer([[row()], []]),
        {"Response Ref ID": "1", "Response Code": 1000, "Response": [[row()]]},
        answer([[row(amount=168)]]),
        answer([[row(amount=168.0)]]),
        answer([[{key.upper(): value for key, value in row().items()}]]),
    ],
)
def test_a_row_is_read_in_whatever_shape_it_comes(body):
    page = read(body)
    (report,) = page.reports
    assert (page.names, report.callback_id) == (["SKL4TEST9Z"], "SKL4TEST9Z")
    assert report.received == [
        ReceivedMoney(
            reference="SKL4TEST9Z",
            amount=Money(16_800, "KES"),
            method="mpesa",
            received_at=datetime(2026, 11, 21, 11, 20, tzinfo=UTC),
            account_reference="INV 7",
            role="receipt",
        )
    ]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (answer("[[]]", code="1001", key="Transaction"), 200),
        (answer("[[]]", code="1001"), 200),
        (answer([[]], code="1001"), 200),
        ("[[]]", 200),
        ([[]], 200),
        (answer([]), 200),
        (answer([[]]), 200),
        (answer(None), 200),
        (answer(""), 200),
        ({"ResponseRefID": "1", "ResponseCode": "1001", "ResponseMessage": "none"}, 200),
        (samples.failure("500.003.1001", NOTHING), 500),
        (samples.failure("500", NOTHING), 500),
    ],
)
def test_an_empty_statement_may_look_like_an_outage(body, status):
    assert read(body, status).names == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"ResponseRefID": "1", "ResponseCode": "1000"}, 200),
        (answer([[row()]], code="1002"), 200),
        (answer([["text"]]), 200),
        (answer([[7]]), 200),
        (answer([[row()]]), 500),
        (b"<html>Request Rejected</html>", 200),
        (b"", 200),
        (b"[" * 100_000, 200),
        (answer([[[[[row()]]]]]), 200),
        (samples.failure("500.003.1001", "Internal Server Error"), 500),
        (samples.failure("400.002.02", "Bad Request - Invalid EndDate"), 400),
    ],
)
def test_what_is_no_statement_is_no_empty_one(body, status):
    with pytest.raises(NotSent):
        read(body, status)


@pytest.mark.parametrize("shown", [list, json.dumps], ids=["rows", "rows in a text"])
def test_an_account_number_that_was_cut_within_a_character_hides_no_other_payment(shown):
    """Who pays a shilling with such a one would have kept the statement from being read for two days."""
    cut = row(transactionId="SKL4TEST8Y", billreference="for you \ud83d", sender="\ud83d")
    page = read(answer(shown([[row(), cut]])), stretch=PAST)
    assert page.names == ["SKL4TEST9Z", "SKL4TEST8Y"]
    told = [money.account_reference for report in page.reports for money in report.received]
    assert told == ["INV 7", "for you \ufffd"]


def test_a_short_code_without_pull_transactions_is_to_be_registered():
    with pytest.raises(Misconfigured, match="register it"):
        read(samples.failure("400.001", "Invalid ShortCode"), 400)


@given(
    st.binary()
    | st.recursive(
        st.none() | st.text() | st.integers(),
        lambda some: (
            st.lists(some)
            | st.dictionaries(st.sampled_from(["Response", "ResponseCode", "transactionId", "amount", "trxDate"]), some)
        ),
    )
)
def test_whatever_comes_is_read_or_refused(body):
    try:
        page = read(body)
    except (NotSent, Misconfigured):
        return
    assert len(page.names) >= len(page.reports)


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("2026-11-21T14:20:00Z", NOON - timedelta(minutes=40)),
        ("2026-11-21 14:20:00", NOON - timedelta(minutes=40)),
        ("2026-11-21T11:20:00Z", NOON - timedelta(minutes=40)),
        ("2026-11-21T14:20:00+03:00", NOON - timedelta(minutes=40)),
        ("2026-11-21T15:03:00Z", NOON + timedelta(minutes=3)),
        ("2026-11-20T14:20:00Z", NOON - HOUR),
        ("yesterday", NOON - HOUR),
        (None, NOON - HOUR),
    ],
)
def test_its_time_is_the_one_that_lies_in_the_time_asked_for(written, at):
    assert money(trxDate=written).received_at == at


def test_times_are_asked_for_as_east_africa_has_them():
    account = read_account(samples.CREDENTIALS, "test")
    since = datetime(2026, 11, 21, 22, 59, 59, 999_999, tzinfo=UTC)
    assert pull_query(account, Stretch(since, since + HOUR, since), 200) == {
        "ShortCode": "600111",
        "StartDate": "2026-11-22 01:59:59",
        "EndDate": "2026-11-22 03:00:00",
        "OffSetValue": "200",
    }


def test_nothing_about_a_person_is_reported():
    shown = repr(read(answer([[row()]])))
    assert "JANE" not in shown
    assert "722000111" not in shown


@pytest.mark.parametrize("reference", ["", "  ", None])
def test_money_without_a_reference_waits_for_as_long_as_its_prompts_callback_may_take(reference):
    young = {"billreference": reference, "trxDate": "2026-11-21T14:55:00Z"}
    page = read(answer([[row(**young)]]))
    assert (page.names, page.reports) == (["SKL4TEST9Z"], [])
    assert money(billreference=reference, trxDate="2026-11-21T14:49:00Z").account_reference is None
    assert money(stretch=PAST, **young).account_reference is None


def test_money_with_a_reference_is_told_at_once():
    assert money(trxDate="2026-11-21T14:59:59Z").account_reference == "INV 7"


@pytest.mark.parametrize(
    ("amount", "cents"), [("1", 100), ("1.5", 150), (168, 16_800), ("1,000.00", 100_000), ("250,000", 25_000_000)]
)
def test_an_amount_is_in_shillings_however_it_is_written(amount, cents):
    assert money(amount=amount).amount == Money(cents, "KES")


@pytest.mark.parametrize("amount", ["", "0.00", "-5", "1,00.00", "10,000,00", None, [1], "1.005"])
def test_an_amount_that_cannot_be_read_is_for_a_person(amount):
    assert unmatched(amount=amount) == [("statement.unreadable", {})]


@pytest.mark.parametrize("receipt", ["", None, "SKL 4", "S" * 101, 'S"\u00e9'])
def test_a_row_without_a_receipt_is_for_a_person_and_known_again(receipt):
    first, again, other = (read(answer([[row(transactionId=receipt, amount=a)]])) for a in ("1", "1", "2"))
    assert [one.event_type for one in first.reports[0].unmatched] == ["statement.unreadable"]
    assert first.names == again.names != other.names


def test_a_reversal_that_is_young_may_be_one_of_ours_whose_result_is_on_its_way():
    young = row(transactiontype="c2b-pay-bill-reversal", trxDate="2026-11-21T14:55:00Z")
    assert not read(answer([[young]])).reports
    assert read(answer([[young]]), stretch=PAST).reports[0].unmatched[0].unless_ours


def test_a_reversal_is_no_money_that_came():
    assert unmatched(transactiontype="c2b-pay-bill-reversal") == [("statement.reversal", {"receipt": "SKL4TEST9Z"})]


def test_a_reference_of_ours_is_known_however_it_is_typed():
    name = own_reference("pay_1.1")
    assert money(billreference=name.lower()).account_reference == name


@pytest.mark.parametrize(
    "typed",
    ["0722000111", "722000111", "254722000111", "+254 722 000 111", "(0)722.000.111", "0110-000-111", "110000111"],
)
def test_a_phone_number_as_account_number_is_no_purpose_and_is_told_masked(typed):
    found = money(stretch=PAST, billreference=typed)
    assert found.account_reference is None
    assert found.description in ("for 2547*****111", "for 2541*****111")
    assert typed not in repr(found)


@pytest.mark.parametrize("number", ["222000111", "120000111", "72200011", "7220001112"])
def test_an_account_number_that_is_no_mobile_number_is_a_purpose(number):
    assert money(billreference=number).account_reference == number
