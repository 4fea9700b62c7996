"""Refunds of the simulated PayPal: of all, of parts, pending, refused."""

import pytest

pytestmark = pytest.mark.asyncio

FULL = "return=representation"
DAY = 86_400


async def test_an_empty_request_refunds_all_of_it(paypal, usd, issues):
    capture = await paypal.captured()
    answer = await paypal.refund(capture["id"], prefer=FULL)
    refund = answer.json()
    assert (answer.status_code, refund["status"], refund["amount"]) == (201, "COMPLETED", usd("10.00"))
    assert refund["seller_payable_breakdown"]["total_refunded_amount"] == usd("10.00")
    assert await paypal.get(f"/v2/payments/refunds/{refund['id']}") == refund
    assert (await paypal.get(f"/v2/payments/captures/{capture['id']}"))["status"] == "REFUNDED"
    assert issues(await paypal.refund(capture["id"])) == [422, "CAPTURE_FULLY_REFUNDED"]
    assert paypal.types[-1] == "PAYMENT.CAPTURE.REFUNDED"


async def test_parts_are_refunded_until_nothing_is_left(paypal, usd, issues):
    capture = await paypal.captured()
    body = {"amount": usd("4.00"), "invoice_id": "back-1", "custom_id": "op_8", "note_to_payer": "Sorry"}
    refund = (await paypal.refund(capture["id"], body, prefer=FULL)).json()
    assert (refund["invoice_id"], refund["custom_id"], refund["note_to_payer"]) == ("back-1", "op_8", "Sorry")
    assert (await paypal.get(f"/v2/payments/captures/{capture['id']}"))["status"] == "PARTIALLY_REFUNDED"
    assert issues(await paypal.refund(capture["id"], {"amount": usd("6.01")})) == [422, "REFUND_AMOUNT_EXCEEDED"]
    assert (await paypal.refund(capture["id"])).status_code == 201
    assert await paypal.effects() == [("capture", 1000), ("refund", 400), ("refund", 600)]


@pytest.mark.parametrize(
    ("amount", "issue"),
    [
        ({"currency_code": "EUR", "value": "1.00"}, "REFUND_CAPTURE_CURRENCY_MISMATCH"),
        ({"currency_code": "USD", "value": "0.00"}, "CANNOT_BE_ZERO_OR_NEGATIVE"),
        ({"currency_code": "USD", "value": "0.001"}, "DECIMAL_PRECISION"),
    ],
)
async def test_a_wrong_amount_refunds_nothing(paypal, issues, amount, issue):
    capture = await paypal.captured()
    assert issues(await paypal.refund(capture["id"], {"amount": amount})) == [422, issue]
    assert await paypal.effects() == [("capture", 1000)]


async def test_what_has_not_come_cannot_go_back(paypal, issues):
    capture = await paypal.captured(funding="echeck")
    assert issues(await paypal.refund(capture["id"])) == [422, "PENDING_CAPTURE"]
    await paypal.control(f"captures/{capture['id']}/deny")
    assert issues(await paypal.refund(capture["id"])) == [422, "REFUND_NOT_ALLOWED"]


async def test_after_180_days_it_is_too_late(paypal, issues):
    capture = await paypal.captured()
    await paypal.later(180 * DAY)
    paypal.token = await paypal.new_token()
    assert issues(await paypal.refund(capture["id"])) == [422, "REFUND_TIME_LIMIT_EXCEEDED"]


async def test_an_invoice_id_is_refunded_once(paypal, usd, issues):
    capture = await paypal.captured()
    body = {"amount": usd("1.00"), "invoice_id": "back-1"}
    assert (await paypal.refund(capture["id"], body)).status_code == 201
    assert issues(await paypal.refund(capture["id"], body)) == [422, "DUPLICATE_INVOICE_ID"]


@pytest.mark.parametrize(
    ("fault", "ending", "status", "effects"),
    [
        ("refund_pending:600", "complete", "COMPLETED", []),
        ("refund_pending_then_fails:600", "fail", "FAILED", [("refund_failed", 1000)]),
    ],
)
async def test_a_pending_refund_ends_later(paypal, fault, ending, status, effects):
    capture = await paypal.captured()
    refund = (await paypal.refund(capture["id"], fault=fault)).json()
    assert refund["status"] == "PENDING"
    await paypal.control(f"refunds/{refund['id']}/{ending}")
    assert (await paypal.get(f"/v2/payments/refunds/{refund['id']}"))["status"] == status
    after = (await paypal.get(f"/v2/payments/captures/{capture['id']}"))["status"]
    assert after == ("REFUNDED" if status == "COMPLETED" else "COMPLETED")
    assert await paypal.effects() == [("capture", 1000), ("refund", 1000), *effects]


async def test_an_empty_balance_refunds_nothing(paypal, issues):
    capture = await paypal.captured()
    account = capture["payee"]["merchant_id"]
    await paypal.control(f"accounts/{account}/withdrawals", {"currency": "USD"})
    assert issues(await paypal.refund(capture["id"])) == [422, "REFUND_FAILED_INSUFFICIENT_FUNDS"]


async def test_a_reversed_capture_has_nothing_to_refund(paypal, issues):
    capture = await paypal.captured()
    await paypal.control(f"captures/{capture['id']}/reverse")
    assert issues(await paypal.refund(capture["id"])) == [422, "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK"]
    assert await paypal.effects() == [("capture", 1000), ("reversal", 1000)]
    assert paypal.types[-1] == "PAYMENT.CAPTURE.REVERSED"


async def test_the_merchant_may_refund_in_the_dashboard(paypal):
    capture = await paypal.captured()
    await paypal.control(f"captures/{capture['id']}/refunds", {"amount": 250})
    assert (await paypal.http.post(f"/_sim/captures/{capture['id']}/refunds", json={"amount": 751})).status_code == 409
    assert await paypal.effects() == [("capture", 1000), ("refund", 250)]
