"""Customer to business: URLs are registered, payments by hand are validated and confirmed, in either version."""

import hashlib
import json

import httpx
import pytest

pytestmark = pytest.mark.asyncio

CODE = "600984"
URLS = {
    "ShortCode": CODE,
    "ResponseType": "Completed",
    "ConfirmationURL": "https://shop.test/confirmation",
    "ValidationURL": "https://shop.test/validation",
}
SIMULATED = {
    "ShortCode": 600984,
    "CommandID": "CustomerPayBillOnline",
    "Amount": 5,
    "Msisdn": 254708374126,
    "BillRefNumber": "invoice008",
}


async def register(mpesa, version=2, **changed):
    return await mpesa.post(f"/mpesa/c2b/v{version}/registerurl", URLS | changed)


async def validate(mpesa, **urls):
    """Register, with external validation on."""
    assert (await register(mpesa, **urls)).status_code == 200
    await mpesa.control(f"registrations/{CODE}/validation", {"enabled": True})


async def pay(mpesa, **changed):
    payment = {"shortcode": CODE, "amount": 5, "bill_reference": "invoice008", "phone": "254708374126"} | changed
    return await mpesa.control("c2b", payment)


async def came(mpesa, until, count=1):
    await until(lambda: len(mpesa.inbox.requests) >= count)
    return [(request.url.path, json.loads(request.content)) for request in mpesa.inbox.requests]


def answering(mpesa, monkeypatch, answer):
    """Have the receiver answer validations so, and confirmations as it does."""

    def receive(inbox, request):
        inbox.requests.append(request)
        return answer(request) if request.url.path == "/validation" else httpx.Response(200)

    monkeypatch.setattr(type(mpesa.inbox), "__call__", receive)


async def effects(mpesa):
    return [(line["kind"], line["amount"]) for line in (await mpesa.book(shortcode=CODE))["effects"]]


async def test_urls_are_registered_and_the_answer_is_spelt_as_daraja_spells_it(mpesa):
    answer = (await register(mpesa)).json()
    assert answer.pop("OriginatorCoversationID")
    assert answer == {"ResponseCode": "0", "ResponseDescription": "Success"}
    shown = (await mpesa.http.get(f"/_sim/registrations/{CODE}")).json()
    assert (shown["c2b"]["confirmation_url"], shown["pull"]) == (URLS["ConfirmationURL"], None)


async def test_the_sandbox_takes_new_urls_again_and_again(mpesa):
    await register(mpesa)
    assert (await register(mpesa, ConfirmationURL="https://shop.test/other")).status_code == 200


async def test_production_takes_them_once_until_the_owner_deletes_them(mpesa_with):
    async with mpesa_with(strict=True) as mpesa:
        await register(mpesa)
        again = await register(mpesa)
        assert (again.status_code, again.json()["errorCode"]) == (500, "500.003.1001")
        assert again.json()["errorMessage"] == "Urls are already registered."
        assert (await mpesa.http.delete(f"/_sim/registrations/{CODE}")).status_code == 204
        assert (await register(mpesa)).status_code == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ShortCode", "12"),
        ("ResponseType", "completed"),
        ("ConfirmationURL", "https://shop.test/Safaricom"),
        ("ConfirmationURL", "https://shop.test/exec"),
        ("ValidationURL", "https://shop.test/MPESA/validation"),
        ("ValidationURL", "shop.test"),
    ],
)
async def test_a_registration_is_checked_field_by_field(mpesa, field, value):
    answer = await register(mpesa, **{field: value})
    assert (answer.status_code, answer.json()["errorMessage"]) == (400, f"Bad Request - Invalid {field}")


async def test_a_payment_is_confirmed_with_a_masked_phone_and_the_first_name_alone(mpesa, until):
    await register(mpesa)
    receipt = (await pay(mpesa))["receipt"]
    ((path, body),) = await came(mpesa, until)
    assert path == "/confirmation"
    assert len(body.pop("TransTime")) == len("YYYYMMDDHHmmss")
    assert body == {
        "TransactionType": "Pay Bill",
        "TransID": receipt,
        "TransAmount": "5.00",
        "BusinessShortCode": CODE,
        "BillRefNumber": "invoice008",
        "InvoiceNumber": "",
        "OrgAccountBalance": "1000005.00",
        "ThirdPartyTransID": "",
        "MSISDN": "2547 ***** 126",
        "FirstName": "JANE",
        "MiddleName": "",
        "LastName": "",
    }


async def test_version_one_hashes_the_phone_and_names_the_customer_in_full(mpesa, until):
    await register(mpesa, version=1)
    await pay(mpesa)
    ((_, body),) = await came(mpesa, until)
    assert body["MSISDN"] == hashlib.sha256(b"254708374126").hexdigest()
    assert (body["FirstName"], body["MiddleName"], body["LastName"]) == ("JANE", "WANJIKU", "TEST")


async def test_the_sandbox_simulates_a_payment_and_production_does_not(mpesa, mpesa_with, until):
    await register(mpesa)
    answer = await mpesa.post("/mpesa/c2b/v2/simulate", SIMULATED)
    assert answer.json()["ResponseDescription"] == "Accept the service request successfully."
    ((_, body),) = await came(mpesa, until)
    assert (body["TransAmount"], body["BillRefNumber"]) == ("5.00", "invoice008")
    assert await effects(mpesa) == [("c2b", 5)]
    async with mpesa_with(strict=True) as production:
        assert (await production.post("/mpesa/c2b/v2/simulate", SIMULATED)).status_code == 404


async def test_goods_paid_at_a_till_have_no_reference(mpesa, until):
    await register(mpesa)
    goods = SIMULATED | {"CommandID": "CustomerBuyGoodsOnline", "BillRefNumber": None}
    await mpesa.post("/mpesa/c2b/v2/simulate", goods)
    ((_, body),) = await came(mpesa, until)
    assert (body["TransactionType"], body["BillRefNumber"]) == ("Buy Goods", "")


async def test_nobody_is_asked_or_told_who_has_not_registered(mpesa):
    assert (await pay(mpesa))["status"] == "completed"
    assert mpesa.inbox.requests == []
    assert await effects(mpesa) == [("c2b", 5)]


async def test_nobody_is_asked_before_external_validation_is_switched_on(mpesa, until):
    await register(mpesa)
    await pay(mpesa)
    assert [path for path, _ in await came(mpesa, until)] == ["/confirmation"]


async def test_an_accepted_payment_is_asked_about_and_confirmed_with_what_the_shop_calls_it(mpesa, until, monkeypatch):
    await validate(mpesa)
    reply = {"ResultCode": "0", "ResultDesc": "Accepted", "ThirdPartyTransID": "shop-77"}
    answering(mpesa, monkeypatch, lambda _: httpx.Response(200, json=reply))
    receipt = (await pay(mpesa))["receipt"]
    (asked, before), (told, after) = await came(mpesa, until, count=2)
    assert (asked, told) == ("/validation", "/confirmation")
    assert before["TransID"] == after["TransID"] == receipt
    assert (before["OrgAccountBalance"], after["OrgAccountBalance"]) == ("", "1000005.00")
    assert (before["ThirdPartyTransID"], after["ThirdPartyTransID"]) == ("", "shop-77")


async def test_a_refused_payment_moves_no_money_and_is_not_confirmed(mpesa, monkeypatch):
    await validate(mpesa)
    answering(
        mpesa, monkeypatch, lambda _: httpx.Response(200, json={"ResultCode": "C2B00012", "ResultDesc": "Rejected"})
    )
    assert await pay(mpesa) == {"status": "cancelled", "receipt": None, "refused_with": "C2B00012"}
    assert (await effects(mpesa), len(mpesa.inbox.requests)) == ([], 1)


@pytest.mark.parametrize(("default", "status"), [("Completed", "completed"), ("Cancelled", "cancelled")])
@pytest.mark.parametrize(
    "answer",
    [
        lambda _: httpx.Response(500),
        lambda _: httpx.Response(200, text="thanks"),
        lambda _: httpx.Response(200, json={}),
    ],
)
async def test_the_default_decides_when_no_answer_can_be_understood(mpesa, monkeypatch, default, status, answer):
    await validate(mpesa, ResponseType=default)
    answering(mpesa, monkeypatch, answer)
    assert (await pay(mpesa))["status"] == status


async def test_the_default_decides_when_no_answer_comes_in_time(mpesa_with):
    async with mpesa_with(validation_timeout_seconds=0.05) as mpesa:
        await validate(mpesa, ResponseType="Cancelled")
        rule = {"fault": "webhook_late", "match": {"event_type": "c2b.validation"}, "delay_seconds": 30}
        assert (await mpesa.http.post("/_sim/faults", json=rule)).status_code == 201
        assert (await pay(mpesa))["refused_with"] == "no answer"


async def test_a_lost_confirmation_shows_in_pull_alone(mpesa, until):
    await register(mpesa)
    rule = {"fault": "webhook_drop", "match": {"event_type": "c2b.*", "metadata": {"account_reference": "lost"}}}
    assert (await mpesa.http.post("/_sim/faults", json=rule)).status_code == 201
    await pay(mpesa, bill_reference="lost")
    kept = (await pay(mpesa))["receipt"]
    assert [body["TransID"] for _, body in await came(mpesa, until)] == [kept]
    assert await effects(mpesa) == [("c2b", 5), ("c2b", 5)]


async def test_a_forged_confirmation_names_a_receipt_that_is_nobodys(mpesa, until):
    await register(mpesa)
    rule = {"fault": "webhook_forged", "match": {"event_type": "c2b.confirmation"}}
    assert (await mpesa.http.post("/_sim/faults", json=rule)).status_code == 201
    receipt = (await pay(mpesa))["receipt"]
    receipts = [body["TransID"] for _, body in await came(mpesa, until, count=2)]
    assert receipts[0] != receipt == receipts[1]
    assert len(receipts[0]) == 10


async def prompted_and_paid(mpesa, **changed):
    """The receipt of a prompt that the customer has paid."""
    checkout = await mpesa.pushed(**changed)
    await mpesa.control(f"phone/{checkout}/pay")
    return (await mpesa.book(checkout_request_id=checkout))["effects"][0]["receipt"]


async def test_a_prompt_that_is_paid_to_a_paybill_is_also_confirmed_under_the_same_receipt(mpesa, until):
    await register(mpesa, ShortCode="174379")
    receipt = await prompted_and_paid(mpesa)
    calls = dict(await came(mpesa, until, count=2))
    items = calls["/callback"]["Body"]["stkCallback"]["CallbackMetadata"]["Item"]
    assert {"Name": "MpesaReceiptNumber", "Value": receipt} in items
    assert (calls["/confirmation"]["TransID"], calls["/confirmation"]["BillRefNumber"]) == (receipt, "ORDER7")


async def test_a_prompts_confirmation_can_be_switched_off_and_a_till_has_none(mpesa_with, until):
    to_till = {"TransactionType": "CustomerBuyGoodsOnline", "PartyB": "600984"}
    for settings, changed in (({"confirm_prompts": False}, {}), ({}, to_till)):
        async with mpesa_with(**settings) as mpesa:
            await register(mpesa)
            await register(mpesa, ShortCode="174379")
            await prompted_and_paid(mpesa, **changed)
            assert [path for path, _ in await came(mpesa, until)] == ["/callback"]


async def test_this_product_and_the_status_have_codes_of_their_own_for_bad_fields_and_tokens(mpesa):
    assert (await register(mpesa, ResponseType="")).json()["errorCode"] == "400.003.02"
    dead = await mpesa.post("/mpesa/c2b/v2/registerurl", URLS, token="dead")
    assert (dead.status_code, dead.json()["errorCode"]) == (400, "400.003.01")
    status = await mpesa.post("/mpesa/transactionstatus/v1/query", {"CommandID": "?"})
    assert status.json()["errorCode"] == "400.003.02"
