"""Stories of saved cards: kept while they pay, charged again by the customer or by the merchant alone."""

import pytest

from malipo_local.demo import books
from malipo_local.demo.saved_stories import SAVED_STORIES
from malipo_local.merchant import DemoMerchant
from malipo_local.waiting import until

BACK = "https://shop.example/thanks"
ASKS = "pm_card_authenticationRequired"


@pytest.fixture(autouse=True)
def books_agree(merchant: DemoMerchant):
    """Whatever a story does, afterwards Malipo's book equals Stripe's."""
    yield
    assert books.differences(merchant) == []
    assert books.double_charges(merchant) == []


@pytest.mark.parametrize("story", SAVED_STORIES, ids=lambda story: story.title)
def test_the_story_of_the_demo(merchant, story):
    story.play(merchant)


def customers(merchant) -> list[dict]:
    listed = merchant.stripe.get("/v1/customers", auth=(merchant.stripe_key, ""))
    return listed.raise_for_status().json()["data"]


def test_the_cards_of_a_customer_are_listed_and_are_of_one_customer_at_stripe(merchant):
    kept = [merchant.keep_card(token, "customer-7") for token in ("pm_card_visa", "pm_card_mastercard", "pm_card_visa")]
    listed = merchant.api.get("/v1/payment-methods", params={"customer_ref": "customer-7"}).json()["data"]
    assert [one["id"] for one in listed] == [one["id"] for one in reversed(kept)]
    assert [one["card"]["brand"] for one in listed] == ["visa", "mastercard", "visa"]
    assert kept[0]["card"]["fingerprint"] == kept[2]["card"]["fingerprint"] != kept[1]["card"]["fingerprint"]
    assert len(customers(merchant)) == 1


def test_two_cards_that_are_kept_at_once_are_of_one_customer_at_stripe(merchant):
    saving = {"save_method": True, "customer_ref": "customer-8", "prefer": "respond-async"}
    payments = [merchant.pay(**saving)["id"] for _ in range(4)]
    for payment_id in payments:
        merchant.wait(payment_id, "completed")
        merchant.events(payment_id, "payment_method.saved")
    assert len(customers(merchant)) == 1


def test_a_card_is_kept_when_only_stripes_webhook_tells_that_it_has_paid(merchant):
    kept = merchant.keep_card(ASKS)
    received = merchant.events(kept["payment_id"], "payment.completed", "payment_method.saved")
    saved = [one for one in received if one["type"] == "payment_method.saved"]
    assert [one["body"]["data"]["payment_method"]["id"] for one in saved] == [kept["id"]]
    assert [one["sequence"] for one in received] == list(range(1, len(received) + 1))


def test_a_charge_by_the_merchant_whose_customer_refuses_fails(merchant):
    kept = merchant.keep_card(ASKS)
    payment = merchant.pay_again(kept["id"], return_url=BACK)
    merchant.wait(payment["id"], "requires_action")
    merchant.authenticate(payment["id"], "refuse")
    failed = merchant.wait(payment["id"], "failed")
    assert failed["failure"]["code"] == "payment_intent_authentication_failure"


def test_a_charge_by_the_merchant_whose_customer_never_comes_is_canceled_in_the_end(merchant):
    kept = merchant.keep_card(ASKS)
    payment = merchant.pay_again(kept["id"], return_url=BACK)
    merchant.wait(payment["id"], "requires_action")
    merchant.post(f"/v1/payments/{payment['id']}/cancel").raise_for_status()
    merchant.wait(payment["id"], "canceled")


def test_the_providers_names_of_what_is_saved_are_shown_nowhere(merchant):
    kept = merchant.keep_card()
    payment = merchant.pay_again(kept["id"])
    merchant.wait(payment["id"], "completed")
    [customer] = customers(merchant)
    path = f"/v1/customers/{customer['id']}/payment_methods"
    [at_stripe] = merchant.stripe.get(path, auth=(merchant.stripe_key, "")).json()["data"]
    paths = [
        f"/v1/payments/{one}{end}"
        for one in (payment["id"], kept["payment_id"])
        for end in ("", "/timeline", "/explain")
    ]
    shown = "".join(merchant.api.get(path).text for path in (*paths, "/v1/payment-methods", "/v1/events?limit=100"))
    assert not [name for name in (customer["id"], at_stripe["id"]) if name in shown]


def test_a_customer_that_was_deleted_at_stripe_is_made_anew(merchant):
    merchant.keep_card(customer_ref="customer-9")
    [customer] = customers(merchant)
    merchant.stripe.delete(f"/v1/customers/{customer['id']}", auth=(merchant.stripe_key, "")).raise_for_status()
    kept = merchant.keep_card(customer_ref="customer-9")
    assert until(lambda: len(customers(merchant)) == 1, 5)
    payment = merchant.pay_again(kept["id"], "customer", return_url=BACK)
    merchant.wait(payment["id"], "completed")
