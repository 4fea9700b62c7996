"""What the simulated Daraja refuses of a push and a query, field by field."""

import base64

import pytest

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("BusinessShortCode", (None, "", "1234", "12345678", "17437a", True, [174379])),
        ("Timestamp", (None, "", "20210628092408", "2021-06-28", "20211328092408", 123)),
        ("TransactionType", (None, "CustomerPayBill", "", 1)),
        ("Amount", (None, "", 0, -1, 250_001, 10.5, "10.5", "10,000", "ten", True, "1e3", "9" * 5_000, "٣")),
        ("PartyA", (None, "0712345678", "+254712345678", "25471234567", "254212345678")),
        ("PartyB", (None, "", "12")),
        ("PhoneNumber", (None, "0712345678", "254 712345678", 712345678)),
        ("CallBackURL", (None, "", "shop.test/callback", "ftp://shop.test/", "http://", "http://a/\r\nX: y")),
        ("AccountReference", (None, "", "thirteenchars", "order-7", "order 7")),
        ("TransactionDesc", ("fourteen chars", ["x"], "a\x00b", "a\r\nb")),
    ],
)
async def test_a_field_that_is_wrong_is_named(mpesa, field, values):
    for value in values:
        answer = await mpesa.push(**({"PartyA": "254712345678"} | {field: value}))
        assert (answer.status_code, answer.json()["errorCode"]) == (400, "400.002.02"), value
        assert answer.json()["errorMessage"] == f"Bad Request - Invalid {field}"
    assert (await mpesa.book())["payments"] == []


async def test_a_description_may_be_left_out(mpesa):
    assert (await mpesa.push(TransactionDesc=None)).status_code == 200


async def test_a_timestamp_in_universal_time_is_three_hours_old_if_that_is_looked_at(
    mpesa, mpesa_with, merchant_fields
):
    universal = merchant_fields(ahead_seconds=-3 * 3_600)
    assert (await mpesa.push(**universal)).status_code == 200
    async with mpesa_with(timestamp_tolerance_seconds=600) as exact:
        answer = await exact.push(**universal)
        assert answer.json()["errorMessage"] == "Bad Request - Invalid Timestamp"
        assert (await exact.push(**merchant_fields(ahead_seconds=-300))).status_code == 200


async def test_a_client_is_on_time_also_after_a_test_has_moved_the_clock(mpesa):
    await mpesa.control("clock", {"advance_seconds": 2 * 86_400})
    assert (await mpesa.push()).status_code == 200


async def test_a_password_must_be_of_this_shortcode_passkey_and_timestamp(mpesa, merchant_fields):
    other = merchant_fields(passkey="another")
    for password in (None, "", "bm8=", other["Password"], 7):
        answer = await mpesa.push(Password=password)
        assert (answer.status_code, answer.json()["errorCode"]) == (500, "500.001.1001")
        assert answer.json()["errorMessage"] == "Wrong credentials"
    await mpesa.control("shortcodes", {"code": "174379", "passkey": "another"})
    assert (await mpesa.push()).json()["errorMessage"] == "Wrong credentials"
    assert (await mpesa.push(**other)).status_code == 200


async def test_a_merchant_that_does_not_exist_or_is_another_apps_is_told_apart_by_its_text_only(mpesa):
    for described in ({"exists": False}, {"exists": True, "apps": ["app_somebodyElse"]}):
        await mpesa.control("shortcodes", {"code": "174379", **described})
        answer = await mpesa.push()
        assert (answer.json()["errorCode"], answer.json()["errorMessage"]) == (
            "500.001.1001",
            "Merchant does not exist",
        )


@pytest.mark.parametrize(
    ("described", "sent", "code"),
    [
        ({}, {"PartyB": "600000"}, "SFC_IC0003"),
        ({}, {"TransactionType": "CustomerBuyGoodsOnline", "PartyB": "5553344"}, "0"),
        ({"kind": "till"}, {}, "2028"),
        ({"kind": "paybill"}, {"TransactionType": "CustomerBuyGoodsOnline"}, "2028"),
        ({"tills": ["5553344"]}, {"TransactionType": "CustomerBuyGoodsOnline", "PartyB": "5553345"}, "SFC_IC0003"),
        ({"tills": ["5553344"]}, {"TransactionType": "CustomerBuyGoodsOnline", "PartyB": "5553344"}, "0"),
    ],
)
async def test_a_wrong_type_or_party_is_accepted_and_fails_afterwards(mpesa, described, sent, code):
    await mpesa.control("shortcodes", {"code": "174379", **described})
    checkout = await mpesa.pushed(PhoneNumber="254700000000", **sent)
    assert (await mpesa.ended(checkout))["ResultCode"] == code


async def test_a_till_is_credited_and_found_by_its_store_too(mpesa):
    sent = {"TransactionType": "CustomerBuyGoodsOnline", "PartyB": "5553344"}
    await mpesa.ended(await mpesa.pushed(PhoneNumber="254700000000", **sent))
    [effect] = (await mpesa.book(shortcode="174379"))["effects"]
    assert effect["party_b"] == "5553344"
    balances = [(await mpesa.http.get(f"/_sim/shortcodes/{code}")).json()["balance"] for code in ("174379", "5553344")]
    assert balances == [1_000_010, 1_000_010]


async def test_production_wants_https_addresses_that_others_reach_and_without_certain_words(mpesa_with):
    good = "https://shop.example/callbacks/stk"
    bad = (
        "http://shop.example/callbacks",
        "https://localhost/callbacks",
        "https://127.0.0.1/callbacks",
        "https://abc.ngrok.io/callbacks",
        "https://shop.example/M-Pesa/callbacks",
        "https://shop.example/callbacks?x=1&queryid=2",
        "https://safaricom.example/callbacks",
    )
    async with mpesa_with(strict=True) as mpesa:
        for url in bad:
            assert (await mpesa.push(CallBackURL=url)).json()["errorMessage"] == "Bad Request - Invalid CallBackURL"
        assert (await mpesa.push(CallBackURL=good)).status_code == 200


async def test_a_query_of_what_was_never_pushed_or_by_another_shortcode_is_refused(mpesa, merchant_fields):
    checkout = await mpesa.pushed(PhoneNumber="254700000000")
    await mpesa.ended(checkout)
    for asked, changed in (("ws_CO_1", {}), ("", {}), (checkout, merchant_fields("600000"))):
        answer = await mpesa.query(asked, **changed)
        assert answer.json()["errorMessage"] == "Bad Request - Invalid CheckoutRequestID"
    assert (await mpesa.query(checkout, Password="x")).json()["errorMessage"] == "Wrong credentials"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1]", b"\xff", b'"text"', b"[" * 100_000, b"{" + b" " * 1_000_001 + b"}"]
)
async def test_a_body_that_is_no_object_is_refused(mpesa, body):
    headers = {"authorization": f"Bearer {await mpesa.new_token()}"}
    answer = await mpesa.http.post("/mpesa/stkpush/v1/processrequest", content=body, headers=headers)
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "400.002.05")


async def test_basic_credentials_do_not_open_the_products(mpesa):
    basic = base64.b64encode(b"key:secret").decode()
    answer = await mpesa.http.post("/mpesa/stkpush/v1/processrequest", headers={"authorization": f"Basic {basic}"})
    assert answer.json()["errorCode"] == "404.001.04"
