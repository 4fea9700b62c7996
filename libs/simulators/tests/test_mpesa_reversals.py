"""Reversals: accepted first, the result later; who may, what can be reversed, and what the faults do to the result."""

import base64
import re

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.x509 import load_pem_x509_certificate

pytestmark = pytest.mark.asyncio

CODE = "600992"
PATH = "/mpesa/reversal/v1/request"
PASSWORD = "Safaricom999!*!"


async def sealed(mpesa, password=PASSWORD) -> str:
    """As any client makes it, with the certificate that the simulator hands out."""
    certificate = (await mpesa.http.get("/_sim/certificate.cer")).content
    key = load_pem_x509_certificate(certificate).public_key()
    return base64.b64encode(key.encrypt(password.encode(), padding.PKCS1v15())).decode()


async def pay(mpesa, amount=200, **more):
    paid = await mpesa.control("c2b", {"shortcode": CODE, "amount": amount, "bill_reference": "INV7"} | more)
    return paid["receipt"]


async def reversal(mpesa, receipt, **changed):
    return {
        "Initiator": "testapi",
        "SecurityCredential": await sealed(mpesa),
        "CommandID": "TransactionReversal",
        "TransactionID": receipt,
        "Amount": "200",
        "ReceiverParty": CODE,
        "RecieverIdentifierType": "11",
        "ResultURL": "https://shop.test/result",
        "QueueTimeOutURL": "https://shop.test/timeout",
        "Remarks": "Payment reversal",
    } | changed


async def reverse(mpesa, receipt, fault=None, **changed):
    """Accepted; returns the acceptance."""
    answer = await mpesa.post(PATH, await reversal(mpesa, receipt, **changed), fault=fault)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def results(mpesa, until, count=1):
    await until(lambda: len(mpesa.inbox.requests) >= count)
    return [event["Result"] for event in mpesa.inbox.events]


async def result_of(mpesa, until, receipt, **changed):
    mpesa.inbox.requests.clear()
    await reverse(mpesa, receipt, **changed)
    (result,) = await results(mpesa, until)
    return result


async def kinds(mpesa):
    return [(effect["kind"], effect["amount"]) for effect in (await mpesa.book(shortcode=CODE))["effects"]]


async def test_a_payment_goes_back_and_the_result_tells_of_it(mpesa, until):
    receipt = await pay(mpesa)
    accepted = await reverse(mpesa, receipt)
    assert accepted["ResponseCode"] == "0"
    assert re.fullmatch(r"AG_\d{8}_[0-9a-f]{20}", accepted["ConversationID"])
    (result,) = await results(mpesa, until)
    assert str(mpesa.inbox.requests[0].url) == "https://shop.test/result"
    parameters = {pair["Key"]: pair["Value"] for pair in result.pop("ResultParameters")["ResultParameter"]}
    assert result == {
        "ResultType": 0,
        "ResultCode": 0,
        "ResultDesc": "The service request is processed successfully.",
        "OriginatorConversationID": accepted["OriginatorConversationID"],
        "ConversationID": accepted["ConversationID"],
        "TransactionID": result["TransactionID"],
        "ReferenceData": {
            "ReferenceItem": {
                "Key": "QueueTimeoutURL",
                "Value": "https://internalsandbox.safaricom.co.ke/mpesa/reversalresults/v1/submit",
            }
        },
    }
    assert re.fullmatch(r"[A-Z0-9]{10}", result["TransactionID"])
    assert isinstance(parameters.pop("TransCompletedTime"), int)
    assert parameters == {
        "DebitAccountBalance": "Utility Account|KES|1000000.00|1000000.00|0.00|0.00",
        "Amount": 200.0,
        "OriginalTransactionID": receipt,
        "Charge": 0.0,
        "CreditPartyPublicName": "254708374149 - JANE WANJIKU TEST",
        "DebitPartyPublicName": f"{CODE} - Daraja Shop {CODE}",
    }


async def test_the_book_shows_the_reversal_with_what_it_reverses(mpesa):
    receipt = await pay(mpesa)
    await reverse(mpesa, receipt)
    book = await mpesa.book(account_reference="INV7")
    assert [(effect["kind"], effect["original"]) for effect in book["effects"]] == [
        ("c2b", None),
        ("reversal", receipt),
    ]
    assert [(line["received"], line["returned"]) for line in book["payments"]] == [(200, 200)]


async def test_what_has_gone_back_is_not_sent_back_again(mpesa, until):
    receipt = await pay(mpesa)
    assert (await result_of(mpesa, until, receipt))["ResultCode"] == 0
    result = await result_of(mpesa, until, receipt)
    assert (result["ResultCode"], "ResultParameters" in result) == ("R000001", False)
    assert re.fullmatch(r"[A-Z0-9]{3}0{7}", result["TransactionID"])
    assert await kinds(mpesa) == [("c2b", 200), ("reversal", 200)]


async def test_what_is_no_payment_to_this_shortcode_is_an_invalid_original(mpesa, until):
    receipt = await pay(mpesa)
    for changed in ({"receipt": "SKE52PAWR9"}, {"receipt": receipt, "ReceiverParty": "600993"}):
        result = await result_of(mpesa, until, **changed)
        assert result["ResultCode"] == "R000002"
    assert await kinds(mpesa) == [("c2b", 200)]


async def test_money_that_has_gone_to_the_bank_cannot_be_sent_back(mpesa, until):
    receipt = await pay(mpesa)
    left = await mpesa.control(f"shortcodes/{CODE}/withdrawals", {})
    assert left["balance"] == 0
    assert (await result_of(mpesa, until, receipt))["ResultCode"] == 1


async def test_an_initiator_is_known_by_the_sealed_password_or_else_nothing_moves(mpesa, until):
    receipt = await pay(mpesa)
    wrong = [{"Initiator": "nobody"}, {"SecurityCredential": await sealed(mpesa, "guess")}, {"SecurityCredential": "x"}]
    for changed in wrong:
        assert (await result_of(mpesa, until, receipt, **changed))["ResultCode"] == 2001
    assert await kinds(mpesa) == [("c2b", 200)]


async def test_the_password_may_be_sealed_plain_or_in_base64_as_the_portal_says_both(mpesa, until):
    in_base64 = await sealed(mpesa, base64.b64encode(PASSWORD.encode()).decode())
    assert (await result_of(mpesa, until, await pay(mpesa), SecurityCredential=in_base64))["ResultCode"] == 0


async def test_five_wrong_passwords_in_a_row_lock_the_initiator_out_until_somebody_unlocks_it(mpesa, until):
    receipt = await pay(mpesa)
    for _ in range(5):
        await result_of(mpesa, until, receipt, SecurityCredential="x")
    assert (await result_of(mpesa, until, receipt))["ResultCode"] == 8006
    await mpesa.control("initiators", {"shortcode": CODE, "name": "testapi"})
    assert (await result_of(mpesa, until, receipt))["ResultCode"] == 0


async def test_a_shortcode_may_have_an_initiator_of_its_own_who_may_not_reverse(mpesa, until):
    receipt = await pay(mpesa)
    await mpesa.control(
        "initiators", {"shortcode": CODE, "name": "apiop37", "password": "s3cret#", "roles": ["status"]}
    )
    theirs = {"Initiator": "apiop37", "SecurityCredential": await sealed(mpesa, "s3cret#")}
    assert (await result_of(mpesa, until, receipt, **theirs))["ResultCode"] == 21


async def test_a_client_with_safaricoms_own_certificate_can_be_trusted(mpesa_with, until):
    async with mpesa_with(trust_initiators=True) as mpesa:
        receipt = await pay(mpesa)
        assert (await result_of(mpesa, until, receipt, SecurityCredential="sealed elsewhere"))["ResultCode"] == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Initiator", ""),
        ("SecurityCredential", None),
        ("CommandID", "Reversal"),
        ("TransactionID", "short"),
        ("Amount", "1.50"),
        ("ReceiverParty", "12"),
        ("RecieverIdentifierType", "4"),
        ("ResultURL", "ftp://shop.test"),
        ("QueueTimeOutURL", "shop.test/timeout"),
        ("Remarks", "x"),
    ],
)
async def test_a_reversal_is_checked_field_by_field(mpesa, field, value):
    answer = await mpesa.post(PATH, await reversal(mpesa, "SKE52PAWR9", **{field: value}))
    assert answer.status_code == 400
    assert (answer.json()["errorCode"], answer.json()["errorMessage"]) == (
        "400.002.02",
        f"Bad Request - Invalid {field}",
    )
    assert answer.json()["requestId"]


async def test_only_the_whole_amount_goes_back_as_documented(mpesa):
    receipt = await pay(mpesa)
    answer = await mpesa.post(PATH, await reversal(mpesa, receipt, Amount="150"))
    assert (answer.status_code, answer.json()["errorMessage"]) == (400, "Bad Request - Invalid Amount")


async def test_by_setting_parts_go_back_up_to_the_whole(mpesa_with, until):
    async with mpesa_with(partial_reversals=True) as mpesa:
        receipt = await pay(mpesa)
        for amount in ("150", "50"):
            assert (await result_of(mpesa, until, receipt, Amount=amount))["ResultCode"] == 0
        assert (await result_of(mpesa, until, receipt, Amount="1"))["ResultCode"] == "R000001"
        assert await kinds(mpesa) == [("c2b", 200), ("reversal", 150), ("reversal", 50)]


async def test_a_queue_timeout_is_told_to_the_other_url_and_nothing_moves(mpesa, until):
    receipt = await pay(mpesa)
    await reverse(mpesa, receipt, fault="queue_timeout:0")
    (result,) = await results(mpesa, until)
    assert (str(mpesa.inbox.requests[0].url), result["ResultType"]) == ("https://shop.test/timeout", 1)
    assert await kinds(mpesa) == [("c2b", 200)]


async def test_a_result_can_be_lost_or_come_twice_or_before_the_answer(mpesa, until):
    lost, twice, early = [await pay(mpesa) for _ in range(3)]
    await reverse(mpesa, early, fault="webhook_before_answer")
    assert len(mpesa.inbox.requests) == 1
    await reverse(mpesa, lost, fault="webhook_drop")
    await reverse(mpesa, twice, fault="webhook_duplicate")
    first, *others = await results(mpesa, until, count=3)
    assert others[0] == others[1] != first
    assert [kind for kind, _ in await kinds(mpesa)].count("reversal") == 3
    shown = (await mpesa.http.get("/_sim/results", params={"shortcode": CODE})).json()
    assert [(one["role"], one["result_code"]) for one in shown] == [("reversal", 0)] * 3


async def test_a_rule_finds_the_result_of_one_payment_by_its_amount_or_receipt(mpesa, until):
    lost, other = await pay(mpesa, 701), await pay(mpesa, 702)
    rule = {"fault": "webhook_drop", "match": {"event_type": "reversal.*", "metadata": {"receipt": lost}}, "times": 1}
    assert (await mpesa.http.post("/_sim/faults", json=rule)).status_code == 201
    await reverse(mpesa, lost, Amount=701)
    await reverse(mpesa, other, Amount=702)
    (result,) = await results(mpesa, until)
    assert result["ResultCode"] == 0
    assert (await mpesa.http.get("/_sim/faults")).json()[0]["applied"] == 1


async def test_a_reversal_whose_answer_is_lost_has_happened(mpesa):
    receipt = await pay(mpesa)
    with pytest.raises(httpx.HTTPError):
        await reverse(mpesa, receipt, fault="answer_lost")
    assert await kinds(mpesa) == [("c2b", 200), ("reversal", 200)]


async def test_a_result_may_have_a_code_that_no_document_names_or_text_for_a_number(mpesa, until):
    first, second = await pay(mpesa), await pay(mpesa)
    await reverse(mpesa, first, fault="unknown_code")
    (unknown,) = await results(mpesa, until)
    await reverse(mpesa, second, fault="result_code_as_text")
    _, as_text = await results(mpesa, until, count=2)
    assert (unknown["ResultCode"], as_text["ResultCode"]) == (5417, "0")


async def test_an_app_reverses_nothing_of_a_shortcode_that_it_may_not_use(mpesa):
    receipt = await pay(mpesa)
    await mpesa.control("shortcodes", {"code": CODE, "apps": ["app_another"]})
    answer = await mpesa.post(PATH, await reversal(mpesa, receipt))
    assert (answer.status_code, answer.json()["errorMessage"]) == (400, "Bad Request - Invalid ReceiverParty")
