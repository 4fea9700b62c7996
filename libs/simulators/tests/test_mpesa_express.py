"""M-Pesa Express of the simulated Daraja: the push, its callback and its query, as the portal shows them."""

import json
import re

import pytest

pytestmark = pytest.mark.asyncio

SUCCESS = "The service request is processed successfully."


async def test_a_push_is_accepted_and_the_query_says_that_it_is_being_processed(mpesa):
    answer = await mpesa.push()
    assert answer.status_code == 200
    accepted = answer.json()
    assert re.fullmatch(r"[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}[0-9]{7}", accepted.pop("MerchantRequestID"))
    checkout = accepted.pop("CheckoutRequestID")
    assert re.fullmatch(r"ws_CO_[0-9]{17}712345678", checkout)
    assert accepted == {
        "ResponseCode": "0",
        "ResponseDescription": "Success. Request accepted for processing",
        "CustomerMessage": "Success. Request accepted for processing",
    }
    pending = await mpesa.query(checkout)
    assert (pending.status_code, pending.json()["errorCode"]) == (500, "500.001.1001")
    assert pending.json()["errorMessage"] == "The transaction is being processed"
    assert (await mpesa.book())["effects"] == []


async def test_a_paid_prompt_is_called_back_with_what_was_paid(mpesa):
    checkout = await mpesa.pushed()
    await mpesa.control(f"phone/{checkout}/pay")
    [told] = await mpesa.called_back()
    items = {item["Name"]: item.get("Value", "nothing") for item in told.pop("CallbackMetadata")["Item"]}
    assert told == {
        "MerchantRequestID": told["MerchantRequestID"],
        "CheckoutRequestID": checkout,
        "ResultCode": 0,
        "ResultDesc": SUCCESS,
    }
    assert re.fullmatch(r"[A-Z]{2}[A-Z0-9]{8}", items["MpesaReceiptNumber"])
    assert (items["Amount"], items["Balance"], items["PhoneNumber"]) == (10, "nothing", 254712345678)
    assert re.fullmatch(r"20[0-9]{12}", str(items["TransactionDate"]))
    [request] = mpesa.inbox.requests
    assert b'"Value":10.00' in request.content
    assert str(request.url) == "http://shop.test/callback"


async def test_the_query_of_a_paid_prompt_has_its_code_as_text_and_neither_amount_nor_receipt(mpesa):
    checkout = await mpesa.pushed(PhoneNumber="254700000000")
    told = await mpesa.ended(checkout)
    assert told == {
        "ResponseCode": "0",
        "ResponseDescription": "The service request has been accepted successfully",
        "MerchantRequestID": told["MerchantRequestID"],
        "CheckoutRequestID": checkout,
        "ResultCode": "0",
        "ResultDesc": SUCCESS,
    }


async def test_the_book_says_who_has_paid_what_for_what(mpesa):
    checkout = await mpesa.pushed(PhoneNumber="254700000000")
    await mpesa.pushed(PhoneNumber="254700000001", AccountReference="OTHER")
    [told] = [one for one in await mpesa.called_back(2) if one["ResultCode"] == 0]
    book = await mpesa.book(account_reference="ORDER7")
    [effect] = book["effects"]
    assert effect == {
        "seq": 1,
        "account": effect["account"],
        "kind": "stk",
        "receipt": next(
            one["Value"] for one in told["CallbackMetadata"]["Item"] if one["Name"] == "MpesaReceiptNumber"
        ),
        "original": None,
        "checkout_request_id": checkout,
        "shortcode": "174379",
        "party_b": "174379",
        "phone": "254700000000",
        "amount": 10,
        "currency": "KES",
        "account_reference": "ORDER7",
        "at": effect["at"],
    }
    assert (book["payments"][0]["status"], book["payments"][0]["received"]) == ("paid", 10)
    for wanted, status in (({"checkout_request_id": checkout}, "paid"), ({"phone": "254700000001"}, "cancelled")):
        [total] = (await mpesa.book(**wanted))["payments"]
        assert total["status"] == status
    assert len((await mpesa.book(shortcode="174379"))["payments"]) == 2
    assert (await mpesa.book(shortcode="600000"))["payments"] == []


@pytest.mark.parametrize(
    ("phone", "code", "text"),
    [
        ("254700000001", 1032, "Request cancelled by user"),
        ("254700000002", 2001, "The initiator information is invalid."),
        ("254700000003", 1, "The balance is insufficient for the transaction."),
        ("254700000004", 1037, "DS timeout user cannot be reached."),
        ("254700000005", 1019, "Transaction has expired."),
        ("254700000006", "SFC_IC0003", "The operator does not exist."),
        ("254700000007", 2028, "The request is not permitted according to product assignment."),
        ("254700000008", 8006, "The security credential is locked."),
        ("254700000009", 1025, "An error occurred while sending a push request."),
        ("254700000010", 2, "Declined due to limit rule."),
        ("254700000011", 3, "Declined due to limit rule: greater than the maximum transaction amount."),
        ("254700000012", 4, "Declined due to limit rule: would exceed daily transfer limit."),
        ("254700000013", 8, "Declined due to limit rule: would exceed the maximum balance."),
        ("254700000014", 17, "Rule limited."),
        ("254700000015", 26, "System busy. The transaction could not be processed at the moment."),
        ("254700000016", 1001, "Unable to lock subscriber, a transaction is already in process."),
        ("254700000017", 9999, "An error occurred while sending a push request."),
        ("254700000018", 5417, "A result that no document names."),
    ],
)
async def test_a_test_number_fails_as_the_readme_says_and_its_callback_has_no_metadata(mpesa, phone, code, text):
    checkout = await mpesa.pushed(PhoneNumber=phone)
    [told] = await mpesa.called_back()
    assert told == {
        "MerchantRequestID": told["MerchantRequestID"],
        "CheckoutRequestID": checkout,
        "ResultCode": code,
        "ResultDesc": text,
    }
    asked = (await mpesa.query(checkout)).json()
    assert (asked["ResultCode"], asked["ResultDesc"]) == (str(code), text)
    assert (await mpesa.book())["effects"] == []


@pytest.mark.parametrize(("phone", "code"), [("254700000020", "0"), ("254700000021", "1032"), ("254700000022", "1037")])
async def test_a_silent_number_ends_without_a_callback(mpesa, phone, code):
    checkout = await mpesa.pushed(PhoneNumber=phone)
    assert (await mpesa.ended(checkout))["ResultCode"] == code
    assert len((await mpesa.book())["effects"]) == (1 if code == "0" else 0)
    await mpesa.pushed(PhoneNumber="254700000001")
    assert [one["ResultCode"] for one in await mpesa.called_back()] == [1032]


async def test_a_customer_who_answers_late_pays_although_callback_and_query_have_said_1037(mpesa, until):
    checkout = await mpesa.pushed(PhoneNumber="254700000030")

    async def paid():
        return (await mpesa.book())["effects"]

    await until(paid, "the late payment")
    assert (await mpesa.ended(checkout))["ResultCode"] == "1037"
    assert [one["ResultCode"] for one in mpesa.callbacks] == [1037]
    assert (await mpesa.book())["payments"][0]["status"] == "paid_late"


async def test_of_another_late_customer_a_second_callback_and_the_query_tell(mpesa):
    checkout = await mpesa.pushed(PhoneNumber="254700000031")
    assert [one["ResultCode"] for one in await mpesa.called_back(2)] == [1037, 0]
    assert (await mpesa.ended(checkout))["ResultCode"] == "0"
    assert len((await mpesa.book())["effects"]) == 1


async def test_nobody_answers_within_a_minute_of_the_simulators_clock(mpesa):
    checkout = await mpesa.pushed()
    assert (await mpesa.control("clock", {"advance_seconds": 59}))["timed_out"] == 0
    assert (await mpesa.query(checkout)).status_code == 500
    assert (await mpesa.control("clock", {"advance_seconds": 1}))["timed_out"] == 1
    assert (await mpesa.ended(checkout))["ResultCode"] == "1037"
    assert [one["ResultCode"] for one in await mpesa.called_back()] == [1037]


async def test_a_phone_takes_one_prompt_at_a_time(mpesa):
    checkout = await mpesa.pushed()
    locked = await mpesa.push(AccountReference="ORDER8")
    assert (locked.status_code, locked.json()["errorCode"]) == (500, "500.001.1001")
    assert locked.json()["errorMessage"].startswith("Unable to lock subscriber")
    await mpesa.pushed(PhoneNumber="254112345678")
    await mpesa.control(f"phone/{checkout}/cancel")
    assert await mpesa.pushed(AccountReference="ORDER8") != checkout


async def test_two_pushes_are_two_prompts_as_there_is_no_idempotency(mpesa):
    for _ in range(2):
        await mpesa.ended(await mpesa.pushed(PhoneNumber="254700000000"))
    assert [one["amount"] for one in (await mpesa.book())["effects"]] == [10, 10]


async def test_the_same_amount_of_the_same_customer_within_two_minutes_is_limited_where_that_is_switched_on(mpesa_with):
    async with mpesa_with(repeat_rule_seconds=120) as mpesa:
        codes = []
        for amount, waited in ((10, 0), (10, 60), (11, 0), (10, 120)):
            await mpesa.control("clock", {"advance_seconds": waited})
            told = await mpesa.ended(await mpesa.pushed(PhoneNumber="254700000000", Amount=amount))
            codes.append(told["ResultCode"])
    assert codes == ["0", "17", "0", "0"]


async def test_settings_may_have_all_others_pay_by_themselves(mpesa_with):
    async with mpesa_with(answer="paid") as mpesa:
        assert (await mpesa.ended(await mpesa.pushed()))["ResultCode"] == "0"
        assert (await mpesa.ended(await mpesa.pushed(PhoneNumber="254700000001")))["ResultCode"] == "1032"
        assert len((await mpesa.book())["effects"]) == 1


async def test_a_callback_is_sent_once_whatever_the_receiver_answers(mpesa, until):
    mpesa.inbox.statuses = [503]
    await mpesa.pushed(PhoneNumber="254700000000")

    async def given_up():
        return (await mpesa.http.get("/_sim/health")).json()["webhooks"]["pending"] == 0 and mpesa.inbox.requests

    await until(given_up, "the callback's only attempt")
    assert len(mpesa.inbox.requests) == 1


async def test_amounts_and_numbers_may_come_as_text_or_as_numbers(mpesa):
    for amount, phone in (("25", "254700000000"), (25, 254700000000)):
        await mpesa.ended(await mpesa.pushed(Amount=amount, PhoneNumber=phone, PartyB=174379))
    assert [one["amount"] for one in (await mpesa.book())["effects"]] == [25, 25]


async def test_a_reset_forgets_prompts_tokens_and_book(mpesa):
    checkout = await mpesa.pushed(PhoneNumber="254700000000")
    await mpesa.ended(checkout)
    await mpesa.http.post("/_sim/reset")
    assert await mpesa.book() == {"effects": [], "payments": []}
    assert (await mpesa.query(checkout)).json()["errorCode"] == "404.001.03"
    assert json.loads((await mpesa.http.get("/_sim/prompts")).content) == []
