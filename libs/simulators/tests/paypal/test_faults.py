"""What goes wrong on request at the simulated PayPal, and its book, which tells what really happened."""

import httpx
import pytest

pytestmark = pytest.mark.asyncio

ORDERS = "/v2/checkout/orders"


@pytest.mark.parametrize("fault", ["answer_lost", "reset_after_effect"])
async def test_a_lost_answer_is_had_again_under_the_same_id(paypal, fault):
    order = await paypal.approved()
    with pytest.raises(httpx.TransportError):
        await paypal.pay(order, key="pay", fault=fault)
    assert (await paypal.pay(order, key="pay")).status_code == 200
    assert await paypal.effects() == [("capture", 1000)]


@pytest.mark.parametrize(
    ("fault", "status", "moved"),
    [
        ("error_before_effect", 500, False),
        ("error_after_effect", 500, True),
        ("rate_limited:3", 429, False),
        ("html_error", 502, False),
        ("malformed_json", 201, True),
        ("unknown_issue", 422, False),
        ("unknown_issue_after_effect", 422, True),
    ],
)
async def test_an_error_tells_nothing_of_whether_money_moved(paypal, fault, status, moved):
    order = await paypal.approved()
    assert (await paypal.pay(order, key="pay", fault=fault)).status_code == status
    assert await paypal.effects() == ([("capture", 1000)] if moved else [])
    assert (await paypal.pay(order, key="pay")).status_code == (200 if moved else 201)
    assert await paypal.effects() == [("capture", 1000)]


async def test_a_late_request_arrives_after_all(paypal, until):
    order = await paypal.approved()
    with pytest.raises(httpx.TransportError):
        await paypal.pay(order, key="pay", fault="request_late:0.01")

    async def captured() -> bool:
        return await paypal.effects() == [("capture", 1000)]

    await until(captured)
    assert (await paypal.pay(order, key="pay")).status_code == 200


@pytest.mark.parametrize(
    ("fault", "status"), [("capture_declined", "DECLINED"), ("capture_pending:600", "PENDING"), ("unknown_status", "UNDER_DIVINATION")]
)  # fmt: skip
async def test_a_fault_decides_what_becomes_of_the_capture(paypal, fault, status):
    order = await paypal.approved()
    answer = await paypal.pay(order, fault=fault)
    assert answer.json()["purchase_units"][0]["payments"]["captures"][0]["status"] == status


async def test_a_pending_capture_ends_after_the_faults_delay(paypal, until):
    order = await paypal.approved()
    await paypal.pay(order, fault="capture_pending_then_denied:0.01")
    await until(lambda: paypal.types[-1] == "PAYMENT.CAPTURE.DENIED")


async def test_an_answer_may_name_another_amount_than_was_moved(paypal):
    order = await paypal.approved()
    answer = await paypal.pay(order, fault="amount_mismatch")
    assert answer.json()["purchase_units"][0]["payments"]["captures"][0]["amount"]["value"] == "11.00"
    assert await paypal.effects() == [("capture", 1000)]


async def test_a_declined_instrument_by_fault_sends_the_payer_back(paypal, issues):
    order = await paypal.approved()
    assert issues(await paypal.pay(order, fault="instrument_declined")) == [422, "INSTRUMENT_DECLINED"]
    assert (await paypal.get(f"{ORDERS}/{order}"))["status"] == "PAYER_ACTION_REQUIRED"
    one = await paypal.authorized()
    answer = await paypal.post(f"/v2/payments/authorizations/{one['id']}/capture", {}, fault="instrument_declined")
    assert issues(answer) == [422, "PAYER_CANNOT_PAY"]


async def test_an_approval_may_not_be_known_yet_where_the_order_is_completed(paypal, issues):
    order = await paypal.approved()
    assert issues(await paypal.pay(order, key="pay", fault="approval_unseen")) == [422, "ORDER_NOT_APPROVED"]
    assert (await paypal.get(f"{ORDERS}/{order}"))["status"] == "APPROVED"
    assert (await paypal.pay(order, key="pay")).json()["status"] == "COMPLETED"


async def test_an_approval_may_be_told_twice(paypal):
    await paypal.approved(fault="duplicate_approval")
    assert paypal.types == ["CHECKOUT.ORDER.APPROVED"] * 2


async def test_paypal_may_be_about_to_complete_the_order_itself(paypal, until, issues):
    order = await paypal.approved()
    answer = await paypal.pay(order, key="pay", fault="order_completion_in_progress:0.2")
    assert issues(answer) == [422, "ORDER_COMPLETION_IN_PROGRESS"]
    assert issues(await paypal.pay(order, key="pay")) == [422, "ORDER_COMPLETION_IN_PROGRESS"]
    await until(lambda: "PAYMENT.CAPTURE.COMPLETED" in paypal.types)
    assert issues(await paypal.pay(order, key="pay")) == [422, "ORDER_ALREADY_CAPTURED"]
    assert await paypal.effects() == [("capture", 1000)]


async def test_a_rule_strikes_by_amount_and_by_what_the_order_is_called(paypal):
    rule = {
        "fault": "error_before_effect",
        "match": {"path": "*/capture", "metadata": {"custom_id": "op_7"}},
        "times": 1,
    }
    await paypal.control("faults", rule)
    order = await paypal.approved()
    assert (await paypal.pay(order)).status_code == 500
    assert (await paypal.pay(order)).status_code == 201
    await paypal.control("faults", {"fault": "rate_limited", "match": {"amount": 701}})
    amount = {"currency_code": "USD", "value": "7.01"}
    assert (await paypal.create(unit={"amount": amount})).status_code == 429
    assert (await paypal.create()).status_code == 201


async def test_negative_tests_answer_with_the_issue_that_the_header_names(paypal, issues):
    order = await paypal.approved()
    for mock, told in (
        ("INSTRUMENT_DECLINED", [422, "INSTRUMENT_DECLINED"]),
        ("CONSENT_NEEDED", [403, "CONSENT_NEEDED"]),
        ("MISSING_REQUIRED_PARAMETER", [400, "MISSING_REQUIRED_PARAMETER"]),
        ("INTERNAL_SERVER_ERROR", [500]),
        ("SERVICE_UNAVAILABLE", [503]),
    ):
        assert issues(await paypal.pay(order, mock=mock)) == told
    assert (await paypal.pay(order, mock="REFUND_AMOUNT_EXCEEDED")).status_code == 201


@pytest.mark.parametrize("header", ["", "[]", "{", '{"mock_application_codes": 7}', '{"mock_application_codes": []}'])
async def test_a_negative_test_that_names_nothing_changes_nothing(paypal, header):
    order = await paypal.approved()
    assert (await paypal.pay(order, paypal_mock_response=header)).status_code == 201


async def test_the_book_is_narrowed_by_what_the_merchant_calls_a_payment(paypal):
    capture = await paypal.captured(unit={"custom_id": "op_9", "invoice_id": "inv-9"})
    await paypal.captured()
    book = await paypal.book(custom_id="op_9")
    assert [line["transaction"] for line in book["effects"]] == [capture["id"]]
    total = book["orders"][0]
    assert (total["captured"], total["refunded"], total["invoice_id"]) == (1000, 0, "inv-9")
    assert len((await paypal.book(order=total["order"]))["effects"]) == 1
    assert len((await paypal.book(account=total["account"]))["effects"]) == 2
    assert (await paypal.book(account="NOBODYS")) == {"effects": [], "orders": []}


async def test_the_request_log_names_the_request_id_and_no_secret(paypal):
    await paypal.created(key="once")
    line = (await paypal.http.get("/_sim/requests", params={"idempotency_key": "once"})).json()[0]
    assert (line["path"], line["status"]) == (ORDERS, 201)
    assert paypal.token not in str(line)


async def test_a_reset_forgets_everything(paypal):
    await paypal.captured()
    await paypal.http.post("/_sim/reset")
    paypal.token = None
    assert await paypal.book() == {"effects": [], "orders": []}
    await paypal.captured()
    assert "PAYMENT.CAPTURE.COMPLETED" in paypal.types
