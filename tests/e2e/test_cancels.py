"""Stories of cancels that come while the state of the charge is still unknown, on the whole system."""

import pytest

from malipo_local.demo import books
from malipo_local.merchant import DemoMerchant
from malipo_local.waiting import until

CREATES = {"method": "POST", "path": "/v1/payment_intents"}


@pytest.fixture(autouse=True)
def books_agree(merchant: DemoMerchant):
    """Whatever a story does, afterwards Malipo's book equals Stripe's."""
    yield
    assert books.differences(merchant) == []


def cancel(merchant: DemoMerchant, payment_id: str, **headers: str) -> dict:
    answer = merchant.post(f"/v1/payments/{payment_id}/cancel", **headers)
    assert answer.status_code in (201, 202), answer.text
    return answer.json()


def wait_until_stripe_has_it(merchant: DemoMerchant, amount: int) -> None:
    """Until the charge of this amount, which has a rule, has reached Stripe: a cancel before that would stop it."""

    def came() -> bool:
        rules = merchant.stripe.get("/_sim/faults").raise_for_status().json()
        return any(rule["applied"] for rule in rules if rule["match"]["amount"] == amount)

    assert until(came, 60)


def operation(merchant: DemoMerchant, payment_id: str) -> dict:
    [one] = merchant.api.get(f"/v1/payments/{payment_id}/explain").raise_for_status().json()["operations"]
    return one


def test_a_charge_that_waits_for_a_busy_stripe_is_stopped_by_a_cancel_and_never_sent(merchant):
    merchant.stripe_fault("rate_limited", match=CREATES | {"amount": 4330})
    payment = merchant.pay(amount=4330, prefer="respond-async")
    cancel(merchant, payment["id"])
    assert merchant.wait(payment["id"], seconds=60)["status"] == "canceled"
    assert not [e for e in merchant.stripe_book()["effects"] if e["metadata"]["malipo_payment_id"] == payment["id"]]
    assert operation(merchant, payment["id"])["state"] == "completed"
    merchant.events(payment["id"], "payment.canceled")


def test_a_hold_that_is_made_while_its_cancel_waits_is_released(merchant):
    merchant.stripe_fault("slow", match=CREATES | {"amount": 4331}, times=1, delay_seconds=3)
    payment = merchant.pay(amount=4331, capture="manual", prefer="respond-async")
    wait_until_stripe_has_it(merchant, 4331)
    cancel(merchant, payment["id"])
    ended = merchant.wait(payment["id"], "canceled", seconds=60)
    assert ended["amount_captured"] == 0
    merchant.events(payment["id"], "payment.authorized", "payment.canceled")


def test_money_that_is_captured_while_the_cancel_waits_stays_captured_and_the_cancel_fails(merchant):
    merchant.stripe_fault("slow", match=CREATES | {"amount": 4332}, times=1, delay_seconds=3)
    payment = merchant.pay(amount=4332, prefer="respond-async")
    wait_until_stripe_has_it(merchant, 4332)
    cancel(merchant, payment["id"])
    merchant.wait(payment["id"], "completed", seconds=60)
    merchant.events(payment["id"], "payment.completed", "cancel.failed")
    assert operation(merchant, payment["id"])["failure"]["code"] == "cancel_too_late"


def test_an_action_that_cannot_be_shown_is_explained_and_can_be_canceled(merchant):
    merchant.stripe_fault("action_without_page", match=CREATES | {"amount": 4333}, times=1)
    payment = merchant.pay("pm_card_authenticationRequired", amount=4333, return_url="https://shop.example")
    waiting = merchant.wait(payment["id"], "requires_action", seconds=60)
    assert waiting["action"]["type"] == "other"
    explanation = merchant.api.get(f"/v1/payments/{payment['id']}/explain").raise_for_status().json()
    assert "cannot show" in explanation["why"]
    assert "redirect" not in [may["code"] for may in explanation["you_may"]]
    cancel(merchant, payment["id"])
    merchant.wait(payment["id"], "canceled", seconds=60)
