"""Payouts, statuses of transactions, balances: accepted first, told later, each in its documented shape."""

import base64
import re

import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.x509 import load_pem_x509_certificate

pytestmark = pytest.mark.asyncio

CODE = "600992"
PHONE = "254705912645"
URLS = {"ResultURL": "https://shop.test/result", "QueueTimeOutURL": "https://shop.test/timeout"}


async def sealed(mpesa) -> str:
    key = load_pem_x509_certificate((await mpesa.http.get("/_sim/certificate.cer")).content).public_key()
    return base64.b64encode(key.encrypt(b"Safaricom999!*!", padding.PKCS1v15())).decode()


async def payout(mpesa, **changed):
    return {
        "OriginatorConversationID": "600992_Test_1",
        "InitiatorName": "testapi",
        "SecurityCredential": await sealed(mpesa),
        "CommandID": "BusinessPayment",
        "Amount": "10",
        "PartyA": CODE,
        "PartyB": PHONE,
        "Remarks": "remarked",
        "Occassion": "ChristmasPay",
        **URLS,
    } | changed


async def query(mpesa, command, **more):
    return {
        "Initiator": "testapi",
        "SecurityCredential": await sealed(mpesa),
        "CommandID": command,
        "PartyA": CODE,
        "IdentifierType": "4",
        "Remarks": "OK",
        **URLS,
    } | more


async def told(mpesa, until, path, data, fault=None):
    """The acceptance and the result."""
    mpesa.inbox.requests.clear()
    answer = await mpesa.post(path, data, fault=fault)
    assert answer.status_code == 200, answer.text
    await until(lambda: mpesa.inbox.requests)
    return answer.json(), mpesa.inbox.events[0]["Result"]


def parameters(result):
    return {pair["Key"]: pair.get("Value") for pair in result["ResultParameters"]["ResultParameter"]}


async def paid_out(mpesa, until, version=3, **changed):
    return await told(mpesa, until, f"/mpesa/b2c/v{version}/paymentrequest", await payout(mpesa, **changed))


async def status(mpesa, until, **named):
    path = "/mpesa/transactionstatus/v1/query"
    return (await told(mpesa, until, path, await query(mpesa, "TransactionStatusQuery", **named)))[1]


async def test_a_payout_is_told_with_what_is_left(mpesa, until):
    accepted, result = await paid_out(mpesa, until)
    assert accepted["OriginatorConversationID"] == result["OriginatorConversationID"] == "600992_Test_1"
    shown = parameters(result)
    assert re.fullmatch(r"\d\d\.\d\d\.\d{4} \d\d:\d\d:\d\d", shown.pop("TransactionCompletedDateTime"))
    assert shown == {
        "TransactionAmount": 10,
        "TransactionReceipt": result["TransactionID"],
        "ReceiverPartyPublicName": f"{PHONE} - JANE WANJIKU TEST",
        "B2CUtilityAccountAvailableFunds": 999_990.0,
        "B2CWorkingAccountAvailableFunds": 0.0,
        "B2CRecipientIsRegisteredCustomer": "Y",
        "B2CChargesPaidAccountAvailableFunds": 0.0,
    }
    (effect,) = (await mpesa.book(shortcode=CODE))["effects"]
    assert (effect["kind"], effect["amount"], effect["phone"]) == ("b2c", 10, PHONE)


async def test_a_conversation_of_the_clients_pays_out_once(mpesa, until):
    await paid_out(mpesa, until)
    again = await mpesa.post("/mpesa/b2c/v3/paymentrequest", await payout(mpesa))
    assert (again.status_code, again.json()["errorCode"]) == (500, "500.002.1001")
    assert again.json()["errorMessage"] == "Duplicate OriginatorConversationID."
    assert len((await mpesa.book(shortcode=CODE))["effects"]) == 1


async def test_version_one_has_no_such_protection(mpesa, until):
    for _ in range(2):
        accepted, _result = await paid_out(mpesa, until, version=1)
        assert accepted["OriginatorConversationID"] != "600992_Test_1"
    assert len((await mpesa.book(shortcode=CODE))["effects"]) == 2


@pytest.mark.parametrize(("amount", "code"), [("9", 2), ("250001", 3), ("250000", 1)])
async def test_limits_and_an_empty_account_are_told_in_the_result(mpesa, until, amount, code):
    if code == 1:
        await mpesa.control(f"shortcodes/{CODE}/withdrawals", {"amount": 900_000})
    _, result = await paid_out(mpesa, until, Amount=amount)
    assert (result["ResultCode"], "ResultParameters" in result) == (code, False)
    assert (await mpesa.book(shortcode=CODE))["effects"] == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("OriginatorConversationID", ""),
        ("InitiatorName", None),
        ("CommandID", "Gift"),
        ("Amount", 0),
        ("PartyB", "0712"),
        ("Occassion", "x" * 101),
    ],
)
async def test_a_payout_is_checked_field_by_field(mpesa, field, value):
    answer = await mpesa.post("/mpesa/b2c/v3/paymentrequest", await payout(mpesa, **{field: value}))
    assert (answer.status_code, answer.json()["errorMessage"]) == (400, f"Bad Request - Invalid {field}")


async def test_a_status_is_found_by_receipt(mpesa, until):
    payment = {"shortcode": CODE, "amount": 300, "bill_reference": "INV7", "phone": PHONE}
    receipt = (await mpesa.control("c2b", payment))["receipt"]
    result = await status(mpesa, until, TransactionID=receipt)
    assert (result["ResultCode"], result["ReferenceData"]) == (0, {"ReferenceItem": {"Key": "Occasion"}})
    shown = parameters(result)
    assert shown["InitiatedTime"] == shown["FinalisedTime"]
    assert (shown["TransactionStatus"], shown["ReceiptNo"], shown["Amount"]) == ("Completed", receipt, "300")
    assert shown["DebitPartyName"] == f"{PHONE} - JANE WANJIKU TEST"
    assert shown["CreditPartyName"] == f"{CODE} - Daraja Shop {CODE}"


async def test_a_status_is_found_by_the_conversation_that_made_the_transaction(mpesa, until):
    _, payout_result = await paid_out(mpesa, until)
    shown = parameters(await status(mpesa, until, OriginalConversationID="600992_Test_1"))
    assert (shown["ReceiptNo"], shown["OriginatorConversationID"]) == (payout_result["TransactionID"], "600992_Test_1")


async def test_what_was_declined_is_told_as_declined(mpesa, until):
    await paid_out(mpesa, until, Amount="9")
    shown = parameters(await status(mpesa, until, OriginalConversationID="600992_Test_1"))
    assert (shown["TransactionStatus"], shown["Amount"], "ReceiptNo" in shown) == ("Declined", "9", False)


async def test_of_what_is_not_there_or_somebody_elses_nothing_is_told(mpesa, until):
    receipt = (await mpesa.control("c2b", {"shortcode": "600993", "amount": 5}))["receipt"]
    for named in ({"TransactionID": receipt}, {"OriginalConversationID": "never"}):
        result = await status(mpesa, until, **named)
        assert (result["ResultCode"], "ResultParameters" in result) == ("R000002", False)


async def test_a_status_needs_something_to_ask_for(mpesa):
    answer = await mpesa.post("/mpesa/transactionstatus/v1/query", await query(mpesa, "TransactionStatusQuery"))
    assert answer.status_code == 400


async def test_the_balance_is_what_was_paid_and_not_taken_away(mpesa, until):
    await mpesa.control("c2b", {"shortcode": CODE, "amount": 300, "bill_reference": "INV7"})
    await mpesa.control(f"shortcodes/{CODE}/withdrawals", {"amount": 100})
    data = await query(mpesa, "AccountBalance")
    shown = parameters((await told(mpesa, until, "/mpesa/accountbalance/v1/query", data))[1])
    accounts = dict(text.split("|KES|") for text in shown["AccountBalance"].split("&"))
    assert accounts["Utility Account"] == "1000200.00|1000200.00|0.00|0.00"
    assert next(iter(accounts)) == "Working Account"
    assert re.fullmatch(r"\d{14}", shown["BOCompletedTime"])
