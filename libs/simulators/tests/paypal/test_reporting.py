"""Transaction search and balances: what an account's statement shows, when, and in which pages."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

pytestmark = pytest.mark.asyncio

TRANSACTIONS, BALANCES = "/v1/reporting/transactions", "/v1/reporting/balances"


def moment(**ago: float) -> str:
    return (datetime.now(UTC) - timedelta(**ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


def address(**query: object) -> str:
    """Of the last day and the next hour, unless something else is given."""
    given = {"start_date": moment(days=1), "end_date": moment(hours=-1)} | query
    return f"{TRANSACTIONS}?{urlencode({name: value for name, value in given.items() if value is not None})}"


async def rows(paypal, **query: object) -> list[dict]:
    found = await paypal.get(address(**query))
    return [one["transaction_info"] for one in found["transaction_details"]]


def brief(row: dict) -> tuple:
    return row["transaction_event_code"], row["transaction_status"], row["transaction_amount"]["value"]


async def test_a_payment_is_a_row_with_its_fee_and_the_merchants_own_words(paypal):
    capture = await paypal.captured(unit={"invoice_id": "inv-7"})
    [row] = await rows(paypal)
    assert brief(row) == ("T0006", "S", "10.00")
    assert row["fee_amount"] == {"currency_code": "USD", "value": "-0.84"}
    assert (row["transaction_id"], row["invoice_id"], row["custom_field"]) == (capture["id"], "inv-7", "op_7")


async def test_a_refund_is_a_row_of_its_own_that_refers_to_the_payment(paypal):
    capture = await paypal.captured()
    await paypal.refund(capture["id"], {"amount": {"currency_code": "USD", "value": "4.00"}, "custom_id": "ref_1"})
    payment, refund = await rows(paypal)
    assert (brief(payment), brief(refund)) == (("T0006", "S", "10.00"), ("T1107", "S", "-4.00"))
    assert (refund["paypal_reference_id"], refund["paypal_reference_id_type"]) == (capture["id"], "TXN")
    assert refund["custom_field"] == "ref_1"


async def test_a_payment_that_paypal_took_back_is_reversed_by_another_row(paypal):
    capture = await paypal.captured()
    await paypal.control(f"captures/{capture['id']}/reverse")
    assert [brief(row) for row in await rows(paypal)] == [("T0006", "V", "10.00"), ("T1106", "S", "-10.00")]


async def test_a_dispute_holds_money_and_gives_it_back(paypal):
    capture = await paypal.captured()
    dispute = (await paypal.control(f"captures/{capture['id']}/disputes", {"amount": 400}))["dispute_id"]
    [held] = (await paypal.get(BALANCES))["balances"]
    assert [held[name]["value"] for name in ("total_balance", "available_balance", "withheld_balance")] == [
        "9.16",
        "5.16",
        "4.00",
    ]
    await paypal.control(f"disputes/{dispute}/won")
    assert [brief(row) for row in await rows(paypal)][1:] == [("T1110", "S", "-4.00"), ("T1111", "S", "4.00")]
    [free] = (await paypal.get(f"{BALANCES}?currency_code=USD"))["balances"]
    assert (free["available_balance"]["value"], free["withheld_balance"]["value"]) == ("9.16", "0.00")


async def test_what_is_pending_changes_no_balance_and_has_a_twin_of_the_same_id_once_it_has_settled(paypal):
    capture = await paypal.captured(funding="echeck")
    assert await rows(paypal) == []
    assert [brief(row) for row in await rows(paypal, balance_affecting_records_only="N")] == [("T0006", "P", "10.00")]
    await paypal.control(f"captures/{capture['id']}/settle")
    both = await rows(paypal, balance_affecting_records_only="N", transaction_id=capture["id"])
    assert sorted(brief(row) for row in both) == [("T0006", "P", "10.00"), ("T0006", "S", "10.00")]
    assert [brief(row) for row in await rows(paypal)] == [("T0006", "S", "10.00")]


async def test_what_was_denied_is_shown_to_who_asks_for_what_changed_no_balance(paypal):
    capture = await paypal.captured(funding="bouncing_echeck")
    await paypal.control(f"captures/{capture['id']}/deny")
    assert await rows(paypal) == []
    [row] = await rows(paypal, balance_affecting_records_only="N", transaction_status="D")
    assert row["transaction_id"] == capture["id"]


async def test_authorizations_and_their_ends_change_no_balance(paypal):
    held = await paypal.authorized()
    assert await rows(paypal) == []
    assert [brief(row) for row in await rows(paypal, balance_affecting_records_only="N")] == [("T1300", "P", "10.00")]
    await paypal.post(f"/v2/payments/authorizations/{held['id']}/void")
    shown = [brief(row) for row in await rows(paypal, balance_affecting_records_only="N")]
    assert shown == [("T1300", "V", "10.00"), ("T1302", "V", "10.00")]


async def test_a_failed_refund_comes_back_under_an_id_of_its_own(paypal):
    capture = await paypal.captured()
    answer = await paypal.refund(capture["id"], fault="refund_pending_then_fails:600")
    [_, pending] = await rows(paypal)
    assert brief(pending) == ("T1107", "P", "-10.00")
    await paypal.control(f"refunds/{answer.json()['id']}/fail")
    [payment, refund, back] = await rows(paypal)
    assert [brief(row) for row in (payment, refund, back)] == [
        ("T0006", "S", "10.00"),
        ("T1107", "V", "-10.00"),
        ("T1100", "S", "10.00"),
    ]
    assert back["transaction_id"] != refund["transaction_id"] == back["paypal_reference_id"]


async def test_rows_take_their_time_to_be_reported(paypal_with):
    async with paypal_with(report_lag_seconds=10_800) as paypal:
        await paypal.captured()
        assert await rows(paypal) == []
        found = await paypal.get(address())
        assert found["last_refreshed_datetime"] <= moment(hours=2.9)
        await paypal.later(10_801)
        assert len(await rows(paypal)) == 1


async def test_rows_are_counted_and_given_in_pages(paypal):
    captures = [(await paypal.captured())["id"] for _ in range(5)]
    pages = [await paypal.get(address(page=page, page_size=2)) for page in (1, 2, 3, 4)]
    assert [len(page["transaction_details"]) for page in pages] == [2, 2, 1, 0]
    assert {(page["total_items"], page["total_pages"]) for page in pages} == {(5, 3)}
    ids = [one["transaction_info"]["transaction_id"] for page in pages for one in page["transaction_details"]]
    assert ids == captures
    links = {one["rel"]: one["href"] for one in pages[0]["links"]}
    assert set(links) == {"self", "next", "last"}
    assert (await paypal.get(links["next"]))["transaction_details"] == pages[1]["transaction_details"]


async def test_the_parts_that_are_asked_for_are_shown(paypal):
    await paypal.captured()
    everything = (await paypal.get(address(fields="all")))["transaction_details"][0]
    assert everything["payer_info"]["payer_name"]["given_name"] == "John"
    assert {"cart_info", "shipping_info", "store_info"} < set(everything)
    some = (await paypal.get(address(fields="transaction_info,payer_info")))["transaction_details"][0]
    assert set(some) == {"transaction_info", "payer_info"}


@pytest.mark.parametrize(
    "query",
    [
        {"transaction_type": "T0006"},
        {"transaction_currency": "USD"},
        {"transaction_amount": "1000 TO 1000"},
        {"start_date": moment(days=1).replace("Z", "+00:00")},
        {"start_date": moment(days=1).replace("Z", ".123-0000")},
    ],
)
async def test_a_filter_that_fits_finds_it(paypal, query):
    await paypal.captured()
    assert len(await rows(paypal, **query)) == 1


@pytest.mark.parametrize(
    "query",
    [
        {"transaction_type": "T1107"},
        {"transaction_currency": "EUR"},
        {"transaction_amount": "1001 TO 2000"},
        {"transaction_status": "V"},
        {"payment_instrument_type": "CREDITCARD"},
        {"end_date": moment(hours=1)},
    ],
)
async def test_a_filter_that_does_not_fit_finds_nothing(paypal, query):
    await paypal.captured()
    assert await rows(paypal, **query) == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"start_date": None}, "start_date"),
        ({"start_date": "2026-11-27"}, "start_date"),
        ({"start_date": moment(days=31, hours=2)}, "end_date"),
        ({"end_date": moment(days=2)}, "end_date"),
        ({"start_date": moment(hours=-2), "end_date": moment(hours=-3)}, "start_date"),
        ({"start_date": moment(days=1_100), "end_date": moment(days=1_090)}, "start_date"),
        ({"page_size": 501}, "page_size"),
        ({"page": 0}, "page"),
        ({"fields": "secrets"}, "fields"),
        ({"transaction_status": "X"}, "transaction_status"),
        ({"transaction_amount": "a lot"}, "transaction_amount"),
    ],
)
async def test_a_search_that_cannot_be_is_refused_by_the_name_of_its_parameter(paypal, query, field):
    answer = await paypal.send("GET", address(**query))
    assert (answer.status_code, answer.json()["name"]) == (400, "INVALID_REQUEST")
    assert answer.json()["details"][0]["field"] == field


async def test_a_range_with_too_many_rows_is_refused(paypal_with):
    async with paypal_with(max_report_rows=1) as paypal:
        await paypal.captured()
        await paypal.captured()
        assert (await paypal.send("GET", address())).json()["name"] == "RESULTSET_TOO_LARGE"


async def test_an_app_needs_the_permission_to_search(paypal):
    paypal.token = await paypal.new_token("client-noreports")
    for path in (address(), BALANCES):
        answer = await paypal.send("GET", path)
        assert (answer.status_code, answer.json()["name"]) == (403, "NOT_AUTHORIZED")


async def test_a_search_can_be_limited(paypal):
    answer = await paypal.send("GET", address(), fault="rate_limited:7")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")


async def test_balances_are_told_as_of_a_time(paypal):
    await paypal.captured()
    early = await paypal.get(f"{BALANCES}?as_of_time={moment(hours=1)}")
    assert early["balances"] == []
