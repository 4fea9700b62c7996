"""Stories of payments, from the merchant's request to the merchant's webhook, on the whole system."""

import uuid

import pytest

from malipo_local.demo import books
from malipo_local.demo.stories import CARD_STORIES, stripe_fault
from malipo_local.merchant import DemoMerchant
from malipo_local.waiting import until


@pytest.fixture(autouse=True)
def books_agree(merchant: DemoMerchant):
    """Whatever a story does, afterwards Malipo's book equals Stripe's."""
    yield
    assert books.differences(merchant) == []
    assert books.double_charges(merchant) == []


def on_the_statement(merchant: DemoMerchant, intent: str) -> str:
    """What a card's owner reads of a payment."""
    shown = merchant.stripe.get(
        f"/v1/payment_intents/{intent}", params={"expand[]": "latest_charge"}, auth=(merchant.stripe_key, "")
    )
    return shown.raise_for_status().json()["latest_charge"]["calculated_statement_descriptor"]


@pytest.mark.parametrize("story", [s for s in CARD_STORIES if s.title != "kill -9"], ids=lambda s: s.title)
def test_the_story_of_the_demo(merchant, story):
    story.play(merchant)


def test_events_are_published_in_order_with_nothing_missing(merchant):
    payment = merchant.pay("pm_card_authenticationRequired", return_url="https://shop.example")
    waiting = merchant.wait(payment["id"], "requires_action")
    merchant.stripe.post(f"/_sim/3ds/{waiting['provider_reference']}/approve").raise_for_status()
    merchant.wait(payment["id"], "completed")
    merchant.post(f"/v1/payments/{payment['id']}/refunds", {"amount": 100}).raise_for_status()
    received = merchant.events(payment["id"], "payment.requires_action", "payment.completed", "refund.completed")
    assert [one["sequence"] for one in received] == list(range(1, len(received) + 1))


def test_a_refused_authentication_fails_the_payment(merchant):
    payment = merchant.pay("pm_card_authenticationRequired", return_url="https://shop.example")
    waiting = merchant.wait(payment["id"], "requires_action")
    merchant.stripe.post(f"/_sim/3ds/{waiting['provider_reference']}/refuse").raise_for_status()
    failed = merchant.wait(payment["id"], "failed")
    assert failed["failure"]["code"] == "payment_intent_authentication_failure"


def test_an_authorized_payment_is_captured_in_part_and_the_rest_is_released(merchant):
    payment = merchant.pay(amount=5000, capture="manual", statement_descriptor="Tea, 2 parcels")
    held = merchant.wait(payment["id"], "authorized")
    capture = merchant.post(f"/v1/payments/{payment['id']}/capture", {"amount": 1500})
    assert capture.status_code == 201, capture.text
    assert capture.json()["status"] == "completed"
    captured = merchant.wait(payment["id"], "completed")
    assert captured["amount_captured"] == 1500
    assert captured["statement_descriptor"] == "Tea, 2 parcels"
    assert on_the_statement(merchant, held["provider_reference"]) == "MALIPO* Tea, 2 parcels"
    second = merchant.post(f"/v1/payments/{payment['id']}/capture", {"amount": 1})
    assert second.json()["code"] == "payment_not_capturable"


def test_an_authorized_payment_is_canceled(merchant):
    payment = merchant.pay(amount=5000, capture="manual")
    merchant.wait(payment["id"], "authorized")
    merchant.post(f"/v1/payments/{payment['id']}/cancel").raise_for_status()
    assert merchant.wait(payment["id"], "canceled")["amount_captured"] == 0
    merchant.events(payment["id"], "payment.authorized", "payment.canceled")


def test_a_payment_that_waits_for_the_customer_is_canceled(merchant):
    payment = merchant.pay("pm_card_authenticationRequired", return_url="https://shop.example")
    merchant.wait(payment["id"], "requires_action")
    merchant.post(f"/v1/payments/{payment['id']}/cancel").raise_for_status()
    merchant.wait(payment["id"], "canceled")


def test_several_partial_refunds_add_up_to_the_payment_and_not_more(merchant):
    payment = merchant.pay(amount=1000)
    merchant.wait(payment["id"], "completed")
    codes = [merchant.post(f"/v1/payments/{payment['id']}/refunds", {"amount": 300}).status_code for _ in range(4)]
    assert codes == [201, 201, 201, 409]
    assert merchant.payment(payment["id"])["amount_refunded"] == 900


@pytest.mark.parametrize(
    "fault",
    [
        "answer_lost",
        "error_reconciled",
        "error_after_effect",
        "connection_reset",
        "reset_after_effect",
        "rate_limited",
        "html_error",
        "malformed_json",
        "lock_timeout",
        "amount_mismatch",
        "unknown_status",
        "webhook_before_answer",
    ],
)
def test_a_fault_of_stripe_leads_to_the_same_end_at_malipo_and_at_stripe(merchant, fault):
    merchant.stripe_fault(fault, match={"method": "POST", "path": "/v1/payment_intents", "amount": 4321}, times=1)
    payment = merchant.pay(amount=4321)
    ended = merchant.wait(payment["id"], seconds=60)
    charges = [e for e in merchant.stripe_book()["effects"] if e["metadata"]["malipo_payment_id"] == payment["id"]]
    assert (ended["status"] == "completed") == bool(charges), (ended, charges)
    assert len(charges) <= 1


@pytest.mark.parametrize(
    "fault", ["webhook_duplicate", "webhook_reorder", "webhook_drop", "webhook_forged", "webhook_late"]
)
def test_a_fault_of_stripes_webhooks_changes_nothing(merchant, fault):
    merchant.stripe_fault(fault, match={"amount": 4322}, times=5, delay_seconds=0.5)
    payment = merchant.pay(amount=4322)
    assert merchant.wait(payment["id"])["status"] == "completed"
    received = merchant.events(payment["id"], "payment.completed")
    assert [one["sequence"] for one in received] == list(range(1, len(received) + 1))


@pytest.mark.parametrize("fault", ["answer_lost", "error_after_effect", "error_reconciled"])
def test_a_refund_whose_answer_is_lost_is_made_once(merchant, fault):
    payment = merchant.pay(amount=1000)
    merchant.wait(payment["id"], "completed")
    merchant.stripe_fault(fault, match={"method": "POST", "path": "/v1/refunds"}, times=1)
    refund = merchant.post(f"/v1/payments/{payment['id']}/refunds", {"amount": 400}).raise_for_status().json()
    merchant.events(payment["id"], "payment.completed")
    merchant.wait_refund(refund["id"])


def test_a_refund_made_in_stripes_dashboard_is_asked_about_when_the_report_of_its_end_is_lost(merchant):
    merchant.stripe_fault("webhook_drop", match={"amount": 447, "event_type": "*refund.updated"}, times=20)
    payment = merchant.pay("pm_card_pendingRefund", amount=4444)
    intent = merchant.wait(payment["id"], "completed")["provider_reference"]
    merchant.stripe.post(f"/_sim/payment_intents/{intent}/refunds", json={"amount": 447}).raise_for_status()
    told = {one["type"]: one["body"]["data"] for one in merchant.events(payment["id"], "refund.opened")}
    refund = told["refund.opened"]["refund"]
    assert (refund["opened_by"], refund["status"]) == ("provider", "processing")
    assert merchant.wait_refund(refund["id"], seconds=100)["status"] == "completed"
    assert merchant.payment(payment["id"])["amount_refunded"] == 447
    merchant.events(payment["id"], "refund.completed")


def test_a_merchant_that_retries_with_the_same_key_gets_the_same_payment(merchant):
    first = merchant.pay(key="once")
    repeated = merchant.pay(key="once")
    assert repeated["id"] == first["id"]
    merchant.wait(first["id"])
    assert len(books.malipos(merchant)) == 1


def test_a_receiver_that_fails_is_sent_the_event_again_until_it_accepts(merchant):
    merchant.behave(kind="fail", times=3)
    payment = merchant.pay()
    merchant.wait(payment["id"], "completed")
    received = merchant.events(payment["id"], "payment.completed")
    assert len(received) >= 1


def test_an_error_of_stripes_with_nothing_in_its_book_is_a_doubt_and_not_the_end(merchant):
    charge = {"method": "POST", "path": "/v1/payment_intents", "amount": 7778}
    with stripe_fault(merchant, "error_reconciled", match=charge, times=1, delay_seconds=10):
        payment = merchant.pay(amount=7778, prefer="respond-async")
        assert until(lambda: "error_stored" in details(merchant, payment["id"]), 30), "Stripe was queried"
        assert merchant.payment(payment["id"])["status"] == "processing"
    assert merchant.wait(payment["id"], seconds=60)["status"] == "completed"
    assert len(merchant.stripe_book()["effects"]) == 1


def test_credentials_of_another_account_never_settle_a_payment_in_doubt(merchant):
    with (
        stripe_fault(merchant, "webhook_drop", match={"amount": 7777}),
        stripe_fault(merchant, "answer_lost", match={"method": "POST", "amount": 7777}, times=1),
        stripe_fault(merchant, "connection_reset", match={"method": "POST", "amount": 7777}),
    ):
        payment = merchant.pay(amount=7777, prefer="respond-async")
        merchant.wait(payment["id"], "processing", reason="awaiting_provider_confirmation")
        first_account = merchant.stripe_key
        merchant.stripe_key = f"sk_test_{uuid.uuid4().hex}"
        merchant.put_credentials([])
        assert until(lambda: "account_changed" in details(merchant, payment["id"]), 60), "the other account was queried"
    assert merchant.payment(payment["id"])["status"] == "processing"
    assert merchant.stripe_book()["effects"] == [], "the other account was charged, too"
    merchant.stripe_key = first_account
    merchant.put_credentials([])
    assert merchant.wait(payment["id"], seconds=60)["status"] == "completed"
    assert len(merchant.stripe_book()["effects"]) == 1


def details(merchant: DemoMerchant, payment_id: str) -> set[str]:
    return {entry["detail"] for entry in merchant.timeline(payment_id) if entry["kind"] == "step"}
