"""Stories of disputes, from the customer's bank to the merchant's webhook, on the whole system."""

import pytest

from malipo_local.demo import books
from malipo_local.merchant import DemoMerchant, Json


@pytest.fixture(autouse=True)
def books_agree(merchant: DemoMerchant):
    """Whatever a story does, afterwards Malipo's book equals Stripe's."""
    yield
    assert books.differences(merchant) == []
    assert books.double_charges(merchant) == []


def paid(merchant: DemoMerchant, amount: int = 1250) -> tuple[str, str]:
    """A payment that is paid: its id, and Stripe's."""
    payment = merchant.pay(amount=amount)
    return payment["id"], merchant.wait(payment["id"], "completed")["provider_reference"]


def dispute(merchant: DemoMerchant, intent: str, **fields: object) -> str:
    """Have the customer dispute it; returns Stripe's id of the dispute."""
    made = merchant.stripe.post(f"/_sim/payment_intents/{intent}/disputes", json=fields).raise_for_status()
    return made.json()["id"]


def decide(merchant: DemoMerchant, dispute_id: str, verdict: str) -> None:
    merchant.stripe.post(f"/_sim/disputes/{dispute_id}/{verdict}").raise_for_status()


def told(merchant: DemoMerchant, payment_id: str, event: str, *, seconds: float = 30) -> Json:
    """What the event says of the dispute and of the payment."""
    came = merchant.events(payment_id, event, seconds=seconds)
    return next(one["body"]["data"] for one in came if one["type"] == event)


def refund(merchant: DemoMerchant, payment_id: str, **body: object) -> tuple[int, Json]:
    response = merchant.post(f"/v1/payments/{payment_id}/refunds", body)
    return response.status_code, response.json()


def test_a_dispute_is_told_with_its_deadline_and_what_is_lost_cannot_be_refunded_as_well(merchant):
    payment_id, intent = paid(merchant)
    at_stripe = dispute(merchant, intent, amount=900, reason="product_not_received")
    opened = told(merchant, payment_id, "dispute.opened")
    shown = opened["dispute"]
    assert (shown["status"], shown["reason"], shown["amount"], shown["withdrawn"]) == ("needs_response", "product_not_received", 900, True)  # fmt: skip
    assert (shown["provider_reference"], shown["opened_by"]) == (at_stripe, "provider")
    assert shown["respond_by"] > shown["created_at"]
    payment = merchant.payment(payment_id)
    assert (payment["status"], payment["status_reason"], payment["amount_disputed"]) == ("completed", "disputed", 900)
    explained = merchant.explain(payment_id)
    assert [may["code"] for may in explained["you_may"]] == ["answer_dispute", "wait"]
    status, refused = refund(merchant, payment_id, amount=100)
    assert (status, refused["code"]) == (409, "payment_disputed")
    assert "350 (minor units of USD) of the payment is neither disputed nor refunded" in refused["detail"]
    decide(merchant, at_stripe, "lost")
    assert told(merchant, payment_id, "dispute.lost")["payment"]["amount_disputed"] == 900
    assert refund(merchant, payment_id, amount=351)[1]["code"] == "refund_exceeds_captured"
    listed = merchant.api.get(f"/v1/payments/{payment_id}/disputes").raise_for_status().json()["data"]
    assert [(one["id"], one["status"], one["withdrawn"]) for one in listed] == [(shown["id"], "lost", True)]


def test_the_timeline_of_a_dispute_shows_who_told_it_and_who_was_told(merchant):
    payment_id, intent = paid(merchant)
    at_stripe = dispute(merchant, intent)
    told(merchant, payment_id, "dispute.opened")
    decide(merchant, at_stripe, "won")
    told(merchant, payment_id, "dispute.won")
    entries = merchant.reported(payment_id)
    steps = [one for one in entries if one["kind"] == "step" and one["about"] == "dispute"]
    assert [(one["to_state"], one["status"]) for one in steps] == [("pending", "needs_response"), ("won", "won")]
    causes = {one["id"]: one for one in entries}
    for step in steps:
        report = causes[step["cause"]]
        assert (report["about"], report["result"], report["reference"]) == ("dispute", "disputed", at_stripe)
        assert report["kind"] in ("callback", "query", "reconciliation"), "whoever was first"
        (hook,) = [one for one in entries if one["kind"] == "webhook" and one["cause"] == step["id"]]
        assert hook["result"] == "delivered"
    asked = [one for one in entries if one["kind"] == "query" and one["about"] == "dispute"]
    assert {one["exchanges"][-1]["path"] for one in asked} <= {f"/v1/disputes/{at_stripe}"}
    assert merchant.payment(payment_id)["amount_disputed"] == 0
    status, back = refund(merchant, payment_id)
    assert status in (201, 202)
    assert merchant.wait_refund(back["id"])["status"] == "completed"


def test_a_merchant_who_insists_refunds_what_an_inquiry_is_about(merchant):
    payment_id, intent = paid(merchant)
    inquiry = dispute(merchant, intent, inquiry=True)
    shown = told(merchant, payment_id, "dispute.opened")
    assert (shown["dispute"]["status"], shown["payment"]["amount_disputed"]) == ("warning_needs_response", 0)
    assert refund(merchant, payment_id)[1]["code"] == "payment_disputed"
    status, back = refund(merchant, payment_id, despite_dispute=True)
    assert status in (201, 202)
    assert merchant.wait_refund(back["id"])["status"] == "completed"
    decide(merchant, inquiry, "won")
    assert told(merchant, payment_id, "dispute.won")["dispute"]["status"] == "warning_closed"


def test_stripe_refuses_to_refund_what_the_bank_has_taken_however_much_the_merchant_insists(merchant):
    payment_id, intent = paid(merchant)
    at_stripe = dispute(merchant, intent)
    told(merchant, payment_id, "dispute.opened")
    _, back = refund(merchant, payment_id, despite_dispute=True)
    assert merchant.wait_refund(back["id"])["status"] == "failed"
    decide(merchant, at_stripe, "lost")
    assert told(merchant, payment_id, "dispute.lost")["payment"]["amount_refunded"] == 0


def test_an_issuers_early_warning_of_fraud_is_told(merchant):
    payment_id, intent = paid(merchant)
    warned = (
        merchant.stripe.post(f"/_sim/payment_intents/{intent}/early_fraud_warnings", json={}).raise_for_status().json()
    )
    told_of = told(merchant, payment_id, "payment.fraud_warning")
    assert told_of["fraud_warning"]["provider_reference"] == warned["id"]
    assert told_of["fraud_warning"]["reason"] == warned["fraud_type"]
    assert told_of["payment"]["status"] == "completed"
    assert refund(merchant, payment_id)[0] in (201, 202)


def test_the_end_of_a_dispute_whose_webhook_is_lost_is_found(merchant):
    payment_id, intent = paid(merchant, 1267)
    merchant.stripe_fault("webhook_drop", match={"amount": 1267, "event_type": "charge.dispute.closed"}, times=1)
    at_stripe = dispute(merchant, intent)
    told(merchant, payment_id, "dispute.opened")
    decide(merchant, at_stripe, "lost")
    assert told(merchant, payment_id, "dispute.lost", seconds=150)["dispute"]["status"] == "lost"


def test_webhooks_of_a_dispute_that_come_twice_late_and_in_another_order_change_nothing(merchant):
    payment_id, intent = paid(merchant, 1268)
    for fault in ("webhook_duplicate", "webhook_reorder"):
        merchant.stripe_fault(
            fault, match={"amount": 1268, "event_type": "charge.dispute.*"}, times=3, delay_seconds=0.5
        )
    at_stripe = dispute(merchant, intent)
    decide(merchant, at_stripe, "lost")
    told(merchant, payment_id, "dispute.lost")
    received = merchant.events(payment_id, "dispute.opened", "dispute.lost")
    assert [one["sequence"] for one in received] == list(range(1, len(received) + 1))
    assert merchant.payment(payment_id)["amount_disputed"] == 1268
