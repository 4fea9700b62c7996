"""Stories of PayPal's captures in parts, of what is let go, and of refunds."""

import pytest
from paypal_steps import SECONDS, capture, captures_amount_to, held, moved, on_statements, paid

from malipo_local.waiting import until

REFUND = {"method": "POST", "path": "/v2/payments/captures/*/refund"}


def test_what_is_held_is_captured_in_two_parts_and_not_in_three(paypal_shop):
    payment_id = held(paypal_shop, amount=9000, statement_descriptor="TEA 800-123-4567")
    capture(paypal_shop, payment_id, amount=4000, final=False)
    assert captures_amount_to(paypal_shop, payment_id, 4000)
    assert (
        paypal_shop.post(f"/v1/payments/{payment_id}/refunds", {"amount": 100}).json()["code"]
        == "payment_not_refundable"
    )
    too_much = paypal_shop.post(f"/v1/payments/{payment_id}/capture", {"amount": 5001})
    assert too_much.json()["code"] == "capture_exceeds_authorized"
    capture(paypal_shop, payment_id)
    assert paypal_shop.wait(payment_id, "completed", seconds=SECONDS)["amount_captured"] == 9000
    assert (
        paypal_shop.post(f"/v1/payments/{payment_id}/capture", {"amount": 1}).json()["code"] == "payment_not_capturable"
    )
    assert moved(paypal_shop, payment_id) == [("authorize", 9000), ("capture", 4000), ("capture", 5000)]
    assert on_statements(paypal_shop, payment_id) == ["TEA 800-123-4567"] * 3
    assert paypal_shop.payment(payment_id)["statement_descriptor"] == "TEA 800-123-4567"
    paypal_shop.events(payment_id, "payment.authorized", "payment.partially_captured", "payment.completed")


def test_of_a_payment_in_two_parts_each_part_is_refunded_by_itself(paypal_shop):
    payment_id = held(paypal_shop, amount=9000)
    capture(paypal_shop, payment_id, amount=4000, final=False)
    assert captures_amount_to(paypal_shop, payment_id, 4000)
    capture(paypal_shop, payment_id)
    paypal_shop.wait(payment_id, "completed", seconds=SECONDS)
    whole = paypal_shop.post(f"/v1/payments/{payment_id}/refunds", {}).raise_for_status().json()
    assert paypal_shop.wait_refund(whole["id"])["status"] == "failed"
    for amount in (5000, 4000):
        part = paypal_shop.post(f"/v1/payments/{payment_id}/refunds", {"amount": amount}).raise_for_status().json()
        assert paypal_shop.wait_refund(part["id"])["status"] == "completed"
    assert paypal_shop.payment(payment_id)["amount_refunded"] == 9000


@pytest.mark.parametrize(("captured", "status"), [(0, "canceled"), (2000, "completed")])
def test_what_is_left_of_a_hold_is_let_go_by_a_cancel(paypal_shop, captured, status):
    payment_id = held(paypal_shop, amount=6000)
    if captured:
        capture(paypal_shop, payment_id, amount=captured, final=False)
        assert captures_amount_to(paypal_shop, payment_id, captured)
    paypal_shop.post(f"/v1/payments/{payment_id}/cancel").raise_for_status()
    assert paypal_shop.wait(payment_id, status, seconds=SECONDS)["amount_captured"] == captured
    assert moved(paypal_shop, payment_id)[-1] == ("release", 6000 - captured)


def test_parts_of_a_payment_are_refunded_up_to_all_of_it(paypal_shop):
    payment_id = paid(paypal_shop, amount=1000)
    codes = [paypal_shop.post(f"/v1/payments/{payment_id}/refunds", {"amount": 300}).status_code for _ in range(4)]
    assert codes == [201, 201, 201, 409]
    assert paypal_shop.payment(payment_id)["amount_refunded"] == 900
    assert moved(paypal_shop, payment_id) == [("capture", 1000), *[("refund", 300)] * 3]


@pytest.mark.parametrize(
    ("fault", "status"), [("refund_pending", "completed"), ("refund_pending_then_fails", "failed")]
)
def test_a_refund_that_is_long_on_its_way_ends_as_paypal_says(paypal_shop, fault, status):
    payment_id = paid(paypal_shop, amount=1000)
    with paypal_shop.paypal.fault(fault, match=REFUND, delay_seconds=3):
        refund = paypal_shop.post(f"/v1/payments/{payment_id}/refunds", {"amount": 400}, Prefer="respond-async").json()
        assert paypal_shop.wait_refund(refund["id"], seconds=SECONDS)["status"] == status
    assert paypal_shop.payment(payment_id)["amount_refunded"] == (400 if status == "completed" else 0)
    paypal_shop.events(payment_id, f"refund.{status}")


def test_a_refund_made_in_paypals_pages_is_the_payments(paypal_shop):
    payment_id = paid(paypal_shop, amount=2000)
    (taken,) = paypal_shop.paypal.captures(payment_id)
    paypal_shop.paypal.http.post(f"/_sim/captures/{taken['id']}/refunds", json={"amount": 700}).raise_for_status()
    assert until(lambda: paypal_shop.payment(payment_id)["amount_refunded"] == 700, SECONDS)
    paypal_shop.events(payment_id, "refund.opened", "refund.completed")
