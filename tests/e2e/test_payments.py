"""Stories of payments, from the merchant's request to the merchant's webhook, on the whole system."""

import uuid

import pytest

from malipo_local.demo import books
from malipo_local.demo.stories import STORIES, stripe_fault
from malipo_local.shop import Shop
from malipo_local.waiting import until


@pytest.fixture(autouse=True)
def books_agree(shop: Shop):
    """Whatever a story does, afterwards Malipo's book equals Stripe's."""
    yield
    assert books.differences(shop) == []
    assert books.double_charges(shop) == []


@pytest.mark.parametrize("story", [s for s in STORIES if s.title != "kill -9"], ids=lambda s: s.title)
def test_the_story_of_the_demo(shop, story):
    story.play(shop)


def test_events_are_told_in_order_with_nothing_missing(shop):
    payment = shop.pay("pm_card_authenticationRequired", return_url="https://shop.example")
    waiting = shop.wait(payment["id"], "requires_action")
    shop.stripe.post(f"/_sim/3ds/{waiting['provider_reference']}/approve").raise_for_status()
    shop.wait(payment["id"], "completed")
    shop.post(f"/v1/payments/{payment['id']}/refunds", {"amount": 100}).raise_for_status()
    told = shop.told(payment["id"], "payment.requires_action", "payment.completed", "refund.completed")
    assert [one["sequence"] for one in told] == list(range(1, len(told) + 1))


def test_a_refused_authentication_fails_the_payment(shop):
    payment = shop.pay("pm_card_authenticationRequired", return_url="https://shop.example")
    waiting = shop.wait(payment["id"], "requires_action")
    shop.stripe.post(f"/_sim/3ds/{waiting['provider_reference']}/refuse").raise_for_status()
    failed = shop.wait(payment["id"], "failed")
    assert failed["failure"]["code"] == "payment_intent_authentication_failure"


def test_an_authorized_payment_is_captured_in_part_and_the_rest_is_released(shop):
    payment = shop.pay(amount=5000, capture="manual")
    shop.wait(payment["id"], "authorized")
    capture = shop.post(f"/v1/payments/{payment['id']}/capture", {"amount": 1500})
    assert capture.status_code == 201, capture.text
    assert capture.json()["status"] == "completed"
    captured = shop.wait(payment["id"], "completed")
    assert captured["amount_captured"] == 1500
    again = shop.post(f"/v1/payments/{payment['id']}/capture", {"amount": 1})
    assert again.json()["code"] == "payment_not_capturable"


def test_an_authorized_payment_is_canceled(shop):
    payment = shop.pay(amount=5000, capture="manual")
    shop.wait(payment["id"], "authorized")
    shop.post(f"/v1/payments/{payment['id']}/cancel").raise_for_status()
    assert shop.wait(payment["id"], "canceled")["amount_captured"] == 0
    shop.told(payment["id"], "payment.authorized", "payment.canceled")


def test_a_payment_that_waits_for_the_customer_is_canceled(shop):
    payment = shop.pay("pm_card_authenticationRequired", return_url="https://shop.example")
    shop.wait(payment["id"], "requires_action")
    shop.post(f"/v1/payments/{payment['id']}/cancel").raise_for_status()
    shop.wait(payment["id"], "canceled")


def test_several_partial_refunds_add_up_to_the_payment_and_not_more(shop):
    payment = shop.pay(amount=1000)
    shop.wait(payment["id"], "completed")
    codes = [shop.post(f"/v1/payments/{payment['id']}/refunds", {"amount": 300}).status_code for _ in range(4)]
    assert codes == [201, 201, 201, 409]
    assert shop.payment(payment["id"])["amount_refunded"] == 900


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
def test_a_fault_of_stripe_leads_to_the_same_end_at_malipo_and_at_stripe(shop, fault):
    shop.fault(fault, match={"method": "POST", "path": "/v1/payment_intents", "amount": 4321}, times=1)
    payment = shop.pay(amount=4321)
    ended = shop.wait(payment["id"], seconds=60)
    taken = [e for e in shop.book()["effects"] if e["metadata"]["malipo_payment_id"] == payment["id"]]
    assert (ended["status"] == "completed") == bool(taken), (ended, taken)
    assert len(taken) <= 1


@pytest.mark.parametrize(
    "fault", ["webhook_duplicate", "webhook_reorder", "webhook_drop", "webhook_forged", "webhook_late"]
)
def test_a_fault_of_stripes_webhooks_changes_nothing(shop, fault):
    shop.fault(fault, match={"amount": 4322}, times=5, delay_seconds=0.5)
    payment = shop.pay(amount=4322)
    assert shop.wait(payment["id"])["status"] == "completed"
    told = shop.told(payment["id"], "payment.completed")
    assert [one["sequence"] for one in told] == list(range(1, len(told) + 1))


@pytest.mark.parametrize("fault", ["answer_lost", "error_after_effect", "error_reconciled"])
def test_a_refund_whose_answer_is_lost_is_made_once(shop, fault):
    payment = shop.pay(amount=1000)
    shop.wait(payment["id"], "completed")
    shop.fault(fault, match={"method": "POST", "path": "/v1/refunds"}, times=1)
    refund = shop.post(f"/v1/payments/{payment['id']}/refunds", {"amount": 400}).raise_for_status().json()
    shop.told(payment["id"], "payment.completed")
    shop.wait_refund(refund["id"])


def test_a_merchant_who_retries_with_the_same_key_gets_the_same_payment(shop):
    first = shop.pay(key="once")
    again = shop.pay(key="once")
    assert again["id"] == first["id"]
    shop.wait(first["id"])
    assert len(books.malipos(shop)) == 1


def test_a_receiver_that_fails_is_told_again_until_it_listens(shop):
    shop.behave(kind="fail", times=3)
    payment = shop.pay()
    shop.wait(payment["id"], "completed")
    told = shop.told(payment["id"], "payment.completed")
    assert len(told) >= 1


def test_an_error_of_stripes_with_nothing_in_its_book_is_a_doubt_and_not_the_end(shop):
    charge = {"method": "POST", "path": "/v1/payment_intents", "amount": 7778}
    with stripe_fault(shop, "error_reconciled", match=charge, times=1, delay_seconds=10):
        payment = shop.pay(amount=7778, prefer="respond-async")
        assert until(lambda: "error_stored" in details(shop, payment["id"]), 30), "Stripe was asked"
        assert shop.payment(payment["id"])["status"] == "processing"
    assert shop.wait(payment["id"], seconds=60)["status"] == "completed"
    assert len(shop.book()["effects"]) == 1


def test_credentials_of_another_account_never_settle_a_payment_in_doubt(shop):
    with (
        stripe_fault(shop, "webhook_drop", match={"amount": 7777}),
        stripe_fault(shop, "answer_lost", match={"method": "POST", "amount": 7777}, times=1),
        stripe_fault(shop, "connection_reset", match={"method": "POST", "amount": 7777}),
    ):
        payment = shop.pay(amount=7777, prefer="respond-async")
        shop.wait(payment["id"], "processing", reason="awaiting_provider_confirmation")
        first_account = shop.stripe_key
        shop.stripe_key = f"sk_test_{uuid.uuid4().hex}"
        shop.put_credentials([])
    assert until(lambda: "account_changed" in details(shop, payment["id"]), 60), "the other account was asked"
    assert shop.payment(payment["id"])["status"] == "processing"
    assert shop.book()["effects"] == [], "the other account was charged, too"
    shop.stripe_key = first_account
    shop.put_credentials([])
    assert shop.wait(payment["id"], seconds=60)["status"] == "completed"
    assert len(shop.book()["effects"]) == 1


def details(shop: Shop, payment_id: str) -> set[str]:
    return {entry["detail"] for entry in shop.timeline(payment_id) if entry["kind"] == "step"}
