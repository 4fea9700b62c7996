"""Stories of cards that are saved without paying: no money moves until they are charged."""

import uuid
from datetime import timedelta

import pytest

from malipo import clock
from malipo_local.demo import books
from malipo_local.merchant import DemoMerchant
from malipo_local.waiting import until

BACK = "https://shop.example/cards"
ASKS = "pm_card_authenticationRequiredOnSetup"


@pytest.fixture(autouse=True)
def books_agree(merchant: DemoMerchant):
    """Whatever a story does, afterwards Malipo's book equals Stripe's."""
    yield
    assert books.differences(merchant) == []
    assert books.double_charges(merchant) == []


def setup_intents(merchant) -> list[dict]:
    listed = merchant.stripe.get("/v1/setup_intents", auth=(merchant.stripe_key, ""))
    return listed.raise_for_status().json()["data"]


def told(merchant, method_id: str, *types: str) -> list[dict]:
    received = merchant.events(method_id, *types)
    assert [one["sequence"] for one in received] == list(range(1, len(received) + 1))
    assert all("payment" not in one["body"]["data"] for one in received)
    return received


def test_a_card_is_saved_without_anybody_being_asked_and_charged_by_the_merchant_alone(merchant):
    method = merchant.save_card("pm_card_visa", "customer-7", client_ref="card 7", metadata={"a": "b"})
    saved = merchant.wait_method(method["id"], "active")
    assert (saved["card"]["last_four"], saved["client_ref"], saved["metadata"]) == ("4242", "card 7", {"a": "b"})
    told(merchant, method["id"], "payment_method.saved")
    assert merchant.stripe_book()["effects"] == []
    assert merchant.api.get("/v1/payments").json()["data"] == []
    payment = merchant.pay_again(method["id"], amount=700)
    assert merchant.wait(payment["id"], "completed")["payment_method"] == method["id"]
    [intent] = setup_intents(merchant)
    assert (intent["status"], intent["usage"]) == ("succeeded", "off_session")


def test_a_customer_who_comes_back_from_the_bank_has_saved_the_card_which_is_charged_with_nobody_there(merchant):
    method = merchant.save_card(ASKS, return_url=BACK)
    waiting = merchant.wait_method(method["id"], "requires_action")
    assert waiting["action"]["url"].startswith("http")
    merchant.authenticate(method["id"], "approve")
    merchant.wait_method(method["id"], "active")
    told(merchant, method["id"], "payment_method.requires_action", "payment_method.saved")
    payment = merchant.pay_again(method["id"], amount=700)
    merchant.wait(payment["id"], "completed")


def test_a_customer_who_refuses_has_not_saved_it(merchant):
    method = merchant.save_card(ASKS, return_url=BACK)
    merchant.wait_method(method["id"], "requires_action")
    merchant.authenticate(method["id"], "refuse")
    failed = merchant.wait_method(method["id"], "failed")
    assert failed["failure"]["code"] == "setup_intent_authentication_failure"


def test_a_customer_who_never_comes_back_leaves_it_expired_and_canceled_at_stripe(merchant):
    soon = clock.iso(clock.now() + timedelta(seconds=63))
    method = merchant.save_card(ASKS, return_url=BACK, expires_at=soon)
    merchant.wait_method(method["id"], "requires_action")
    expired = merchant.wait_method(method["id"], "expired", seconds=120)
    assert expired["failure"] is None
    told(merchant, method["id"], "payment_method.expired")
    assert [one["status"] for one in setup_intents(merchant)] == ["canceled"]
    refused = merchant.post("/v1/payments", {
        "amount": 700, "currency": "USD", "method": {"type": "saved", "id": method["id"], "initiator": "merchant"},
    })  # fmt: skip
    assert (refused.status_code, refused.json()["code"]) == (409, "payment_method_not_active")


def test_a_card_that_its_bank_declines_is_not_saved_and_the_codes_are_those_of_payments(merchant):
    method = merchant.save_card("pm_card_visa_chargeDeclinedInsufficientFunds")
    failed = merchant.wait_method(method["id"], "failed")
    assert failed["failure"]["code"] == "insufficient_funds"
    told(merchant, method["id"], "payment_method.failed")


def test_a_card_is_saved_though_no_webhook_tells_that_its_customer_has_been_there(merchant):
    method = merchant.save_card(ASKS, return_url=BACK)
    merchant.wait_method(method["id"], "requires_action")
    merchant.stripe_fault("webhook_drop", times=1)
    merchant.authenticate(method["id"], "approve")
    merchant.wait_method(method["id"], "active", seconds=60)
    assert until(lambda: "query" in {one["kind"] for one in merchant.timeline(method["id"])}, 10)


def test_the_answer_lost_there_is_one_setup_intent(merchant):
    merchant.stripe_fault("answer_lost", match={"path": "/v1/setup_intents"}, times=1)
    method = merchant.save_card()
    merchant.wait_method(method["id"], "active", seconds=60)
    assert len(setup_intents(merchant)) == 1


def test_a_request_that_is_sent_twice_under_one_key_saves_one_card(merchant):
    key = uuid.uuid4().hex
    first, second = (merchant.save_card(customer_ref="customer-8", key=key) for _ in range(2))
    assert first["id"] == second["id"]
    merchant.wait_method(first["id"], "active")
    assert len(setup_intents(merchant)) == 1


def test_a_card_that_was_saved_without_paying_is_detached_as_any_other(merchant):
    method = merchant.save_card()
    merchant.wait_method(method["id"], "active")
    merchant.post(f"/v1/payment-methods/{method['id']}/detach").raise_for_status()
    merchant.wait_method(method["id"], "detached")
    told(merchant, method["id"], "payment_method.saved", "payment_method.detached")


def test_the_providers_names_of_what_is_saved_are_shown_nowhere(merchant):
    method = merchant.save_card()
    merchant.wait_method(method["id"], "active")
    [intent] = setup_intents(merchant)
    path = f"/v1/payment-methods/{method['id']}"
    shown = "".join(
        merchant.api.get(one).text for one in (path, f"{path}/timeline", f"{path}/explain", "/v1/events?limit=100")
    )
    assert not [
        name for name in (intent["customer"], intent["payment_method"], intent["client_secret"]) if name in shown
    ]
