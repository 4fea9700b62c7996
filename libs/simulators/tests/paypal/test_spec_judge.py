"""The judge itself: what is not as PayPal documents it is noticed."""

import json

import httpx
import pytest

ORDER, REFUND = "/v2/checkout/orders/5O190127TN364715T", "/v2/payments/refunds/1JU08902781691411"


@pytest.fixture
def judge():
    from spec_judge import Judge

    return Judge()


def answer(body: object, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=body)


@pytest.mark.parametrize(
    "order",
    [
        {"id": "5O190127TN364715T", "status": "PAID"},
        {"id": "5O190127TN364715T", "state": "APPROVED"},
        {"id": 7},
        {"purchase_units": [{"amount": {"value": "10.00"}}]},
        {"purchase_units": [{"payments": {"captures": [{"fee": "1.00"}]}}]},
        {"create_time": "yesterday"},
    ],
)
def test_an_order_that_is_not_as_documented_is_noticed(judge, order):
    with pytest.raises(AssertionError, match=r"orders\.get 200"):
        judge.response("GET", ORDER, answer(order))


def test_an_issue_that_the_call_does_not_have_is_noticed(judge):
    told = {"issue": "CAPTURE_FULLY_REFUNDED", "description": "The capture has already been fully refunded"}
    body = {"name": "UNPROCESSABLE_ENTITY", "debug_id": "1", "message": "-", "links": [], "details": [told]}
    with pytest.raises(AssertionError, match=r"orders\.capture 422"):
        judge.response("POST", f"{ORDER}/capture", answer(body, 422))


def test_a_status_that_is_not_documented_is_noticed(judge):
    with pytest.raises(AssertionError, match="not documented"):
        judge.response("GET", REFUND, answer({}, 202))


def test_a_notification_of_something_undocumented_is_noticed(judge):
    event = {
        "id": "WH-1",
        "event_type": "PAYMENT.CAPTURE.COMPLETED",
        "resource_type": "capture",
        "resource": {"status": "PAID"},
    }
    with pytest.raises(AssertionError, match=r"PAYMENT\.CAPTURE\.COMPLETED"):
        judge.notification(json.dumps(event).encode())


def test_what_is_as_documented_is_counted(judge):
    judge.response("GET", ORDER, answer({"id": "5O190127TN364715T", "status": "APPROVED"}))
    assert judge.judged == {"orders.get 200": 1}
