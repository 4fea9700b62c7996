"""Pull Transactions: registration, the window, pages by row, the shapes it has been seen to answer in, late rows."""

import re
from datetime import UTC, datetime, timedelta

import pytest

pytestmark = pytest.mark.asyncio

CODE = "600638"
REGISTRATION = {
    "ShortCode": CODE,
    "RequestType": "Pull",
    "NominatedNumber": "0722000000",
    "CallBackURL": "https://shop.test/pull",
}
QUERY = "/pulltransactions/v1/query"


def east_africa(hours_ago: float = 0) -> str:
    return (datetime.now(UTC) + timedelta(hours=3 - hours_ago)).strftime("%Y-%m-%d %H:%M:%S")


def window(hours_ago: float = 1, offset: object = "0", **changed: object) -> dict:
    """From so many hours ago to a minute from now."""
    return {
        "ShortCode": CODE,
        "StartDate": east_africa(hours_ago),
        "EndDate": east_africa(-1 / 60),
        "OffSetValue": offset,
    } | changed


async def register(mpesa):
    return (await mpesa.post("/pulltransactions/v1/register", REGISTRATION)).json()


async def pay(mpesa, amount=100, reference="INV7"):
    paid = await mpesa.control("c2b", {"shortcode": CODE, "amount": amount, "bill_reference": reference})
    return paid["receipt"]


async def rows_of(mpesa, data=None, **how):
    answer = (await mpesa.post(QUERY, data or window(), **how)).json()
    return [row for rows in answer.get("Response", []) for row in rows]


async def pulled(mpesa, data=None, **how):
    return [row["transactionId"] for row in await rows_of(mpesa, data, **how)]


async def test_a_shortcode_is_registered_once(mpesa):
    first, again = await register(mpesa), await register(mpesa)
    assert (first["ResponseStatus"], first["ShortCode"]) == ("1000", CODE)
    assert first["ResponseDescription"] == "Shortcode Registered Successfully"
    assert (again["ResponseStatus"], again["ResponseDescription"]) == ("1001", "ShortCode already Registered")


@pytest.mark.parametrize(
    ("field", "value"), [("RequestType", "Push"), ("NominatedNumber", "12"), ("CallBackURL", "a.test")]
)
async def test_a_registration_is_checked_field_by_field(mpesa, field, value):
    answer = await mpesa.post("/pulltransactions/v1/register", REGISTRATION | {field: value})
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "400.002.02")
    assert answer.json()["errorMessage"] == f"Bad Request - Invalid {field}"


async def test_a_row_has_a_text_for_its_amount_a_number_for_its_phone_and_east_african_time_under_a_z(mpesa):
    await register(mpesa)
    receipt = await pay(mpesa, 168, "37207636392")
    answer = (await mpesa.post(QUERY, window())).json()
    assert (answer["ResponseCode"], answer["ResponseMessage"]) == ("1000", "Success")
    ((row,),) = answer["Response"]
    at = datetime.strptime(row.pop("trxDate"), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert abs(at - timedelta(hours=3) - datetime.now(UTC)) < timedelta(minutes=1)
    assert row == {
        "transactionId": receipt,
        "msisdn": 708374149,
        "sender": "MPESA",
        "transactiontype": "c2b-pay-bill-debit",
        "billreference": "37207636392",
        "amount": "168.00",
        "organizationname": f"Daraja Shop {CODE}",
    }


async def test_what_was_paid_at_a_till_has_no_reference(mpesa):
    await register(mpesa)
    await mpesa.control("c2b", {"shortcode": CODE, "amount": 5})
    ((row,),) = (await mpesa.post(QUERY, window())).json()["Response"]
    assert (row["transactiontype"], row["billreference"]) == ("c2b-buy-goods-debit", "")


async def test_a_page_has_a_hundred_rows_and_begins_at_a_row(mpesa):
    await register(mpesa)
    receipts = [await pay(mpesa, amount) for amount in range(1, 104)]
    assert await pulled(mpesa) == receipts[:100]
    assert await pulled(mpesa, window(offset=100)) == receipts[100:]
    assert await pulled(mpesa, window(offset="101")) == receipts[101:]
    assert await pulled(mpesa, window(offset="103")) == []


async def test_a_query_may_be_a_get_with_a_body(mpesa):
    await register(mpesa)
    receipt = await pay(mpesa)
    headers = {"authorization": f"Bearer {await mpesa.new_token()}"}
    answer = await mpesa.http.request("GET", QUERY, json=window(), headers=headers)
    assert answer.json()["Response"][0][0]["transactionId"] == receipt


async def test_a_window_without_rows_has_text_in_their_place(mpesa):
    await register(mpesa)
    answer = await mpesa.post(QUERY, window())
    assert answer.status_code == 200
    assert (answer.json()["ResponseCode"], answer.json()["Transaction"]) == ("1001", "[[]]")


async def test_nothing_older_than_48_hours_can_be_pulled(mpesa):
    await register(mpesa)
    receipt = await pay(mpesa)
    await mpesa.control("clock", {"advance_seconds": 47 * 3600})
    assert await pulled(mpesa, token=await mpesa.new_token()) == [receipt]
    await mpesa.control("clock", {"advance_seconds": 3601})
    assert await pulled(mpesa, token=await mpesa.new_token()) == []


async def test_the_window_decides_to_the_second_and_is_read_as_east_african_time(mpesa):
    await register(mpesa)
    await pay(mpesa)
    assert await pulled(mpesa, window(EndDate=east_africa(1 / 60))) == []
    assert await pulled(mpesa, window(StartDate=east_africa(-1 / 120))) == []


@pytest.mark.parametrize(("written", "taken"), [("2020-08-04 8:36:00", 1), ("2019-07-31 19:00", 1), ("4.8.2020", 0)])
async def test_times_are_taken_as_the_portals_samples_write_them(mpesa, written, taken):
    await register(mpesa)
    answer = await mpesa.post(QUERY, window(StartDate=written))
    assert answer.status_code == (200 if taken else 400)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"ShortCode": "6"}, "400.001"),
        ({"ShortCode": "600639"}, "400.001"),
        ({"EndDate": "2020-08-04 08:36:00"}, "400.002.02"),
        ({"OffSetValue": "-1"}, "400.002.02"),
    ],
)
async def test_a_query_is_refused_for_another_shortcode_or_a_window_that_is_none(mpesa, changed, code):
    await register(mpesa)
    answer = await mpesa.post(QUERY, window(**changed))
    assert (answer.status_code, answer.json()["errorCode"]) == (400, code)


async def test_a_dead_token_is_401_001_here(mpesa):
    answer = await mpesa.post(QUERY, window(), token="dead")
    assert (answer.status_code, answer.json()["errorCode"]) == (401, "401.001")


async def test_an_answer_can_be_flat_or_in_utc(mpesa):
    await register(mpesa)
    receipt = await pay(mpesa)
    flat = (await mpesa.post(QUERY, window(), fault="pull_flat")).json()["Response"]
    assert [row["transactionId"] for row in flat] == [receipt]
    (((row),),) = (await mpesa.post(QUERY, window(), fault="pull_utc")).json()["Response"]
    at = datetime.strptime(row["trxDate"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert abs(at - datetime.now(UTC)) < timedelta(minutes=1)


async def test_an_empty_answer_can_look_like_an_outage(mpesa):
    await register(mpesa)
    answer = await mpesa.post(QUERY, window(), fault="pull_empty_as_error")
    assert answer.status_code == 500
    assert answer.json()["errorMessage"].startswith("Failed to retrieve transactions.")


async def test_a_simulator_can_have_its_quirks_always(mpesa_with):
    async with mpesa_with(pull_quirks=frozenset({"pull_flat", "pull_spaced_keys"})) as mpesa:
        registered = await register(mpesa)
        assert (registered["Response Status"], "ResponseStatus" in registered) == ("1000", False)
        receipt = await pay(mpesa)
        assert (await mpesa.post(QUERY, window())).json()["Response"][0]["transactionId"] == receipt


async def test_rows_show_after_a_lag(mpesa_with):
    async with mpesa_with(pull_lag_seconds=600) as mpesa:
        await register(mpesa)
        receipt = await pay(mpesa)
        assert await pulled(mpesa) == []
        await mpesa.control("clock", {"advance_seconds": 600})
        assert await pulled(mpesa) == [receipt]


async def test_the_newest_rows_can_be_missing_from_one_answer(mpesa):
    await register(mpesa)
    receipt = await pay(mpesa)
    assert await pulled(mpesa, fault="pull_row_missing_for:60") == []
    assert await pulled(mpesa) == [receipt]


async def test_one_row_can_be_late_and_then_shows_at_its_own_time_between_the_others(mpesa):
    await register(mpesa)
    receipts = [await pay(mpesa) for _ in range(3)]
    await mpesa.control(f"transactions/{receipts[1]}/hold_back", {"seconds": 300})
    assert await pulled(mpesa) == [receipts[0], receipts[2]]
    await mpesa.control("clock", {"advance_seconds": 300})
    assert await pulled(mpesa) == receipts


async def test_what_was_paid_by_hand_is_in_the_book_as_the_registered_apps(mpesa):
    await register(mpesa)
    receipt = await pay(mpesa, 250)
    (effect,) = (await mpesa.book(shortcode=CODE, account_reference="INV7"))["effects"]
    assert (effect["kind"], effect["receipt"], effect["amount"], effect["currency"]) == ("c2b", receipt, 250, "KES")
    assert re.fullmatch(r"app_\w{16}", effect["account"])


async def test_a_prompts_money_shows_with_its_account_reference_and_at_a_till_without(mpesa):
    to_till = {"TransactionType": "CustomerBuyGoodsOnline", "PartyB": CODE}
    await mpesa.post("/pulltransactions/v1/register", REGISTRATION | {"ShortCode": "174379"})
    for changed in ({}, to_till):
        checkout = await mpesa.pushed(**changed)
        await mpesa.control(f"phone/{checkout}/pay")
    rows = await rows_of(mpesa, window(ShortCode="174379"))
    assert [row["billreference"] for row in rows] == ["ORDER7", ""]
