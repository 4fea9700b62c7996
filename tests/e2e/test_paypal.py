"""Stories of PayPal's payers: they approve, twice or too late, or cannot pay, or their money is long on its way."""

import json
from datetime import timedelta

import httpx
import pytest
from paypal_steps import CAPTURE, SECONDS, asked, moved, paid, told_everything

from malipo import clock
from malipo_local.demo.paypal_stories import PAYPAL_STORIES
from malipo_local.merchant import DemoMerchant
from malipo_local.waiting import until

SHORTEST = timedelta(minutes=1)


@pytest.mark.parametrize("story", PAYPAL_STORIES, ids=lambda story: story.title)
def test_the_story_of_the_demo(paypal_shop, story):
    story.play(paypal_shop)


def test_a_payer_who_approves_at_the_page_is_led_back_to_the_shop_and_has_paid(paypal_shop):
    payment_id = asked(paypal_shop)
    action = paypal_shop.payment(payment_id)["action"]
    assert action["type"] == "approval"
    page = httpx.get(action["url"]).raise_for_status()
    assert "Approve" in page.text
    back = httpx.post(page.url.join(f"checkoutnow/approve?{page.url.query.decode()}"), headers={"Accept": "text/html"})
    assert back.headers["location"].startswith("https://shop.example/thanks?token=")
    payment = paypal_shop.wait(payment_id, "completed", seconds=SECONDS)
    (order,) = paypal_shop.paypal.orders(payment_id)
    assert payment["provider_reference"] == order["id"]
    assert moved(paypal_shop, payment_id) == [("capture", 1250)]
    received = paypal_shop.events(payment_id, "payment.requires_action", "payment.processing", "payment.completed")
    assert [one["sequence"] for one in received] == list(range(1, len(received) + 1))


def test_of_the_payer_the_merchant_sees_a_mask(paypal_shop):
    payment_id = paid(paypal_shop)
    (order,) = paypal_shop.paypal.orders(payment_id)
    address = order["payment_source"]["paypal"]["email_address"]
    payer = paypal_shop.payment(payment_id)["payer"]
    assert payer.startswith(f"{address[0]}***@")
    assert address not in json.dumps(
        [paypal_shop.payment(payment_id), paypal_shop.timeline(payment_id), paypal_shop.received(payment_id)]
    )


@pytest.mark.parametrize(("currency", "amount"), [("JPY", 1500), ("HUF", 150_000)])
def test_a_currency_without_decimals_at_paypal_is_paid_as_what_it_is(paypal_shop, currency, amount):
    payment_id = paid(paypal_shop, amount=amount, currency=currency)
    (taken,) = paypal_shop.paypal.captures(payment_id)
    assert taken["amount"] == {"currency_code": currency, "value": "1500"}
    assert moved(paypal_shop, payment_id) == [("capture", amount)]


@pytest.mark.parametrize("plan", ["approve_twice", "approve"])
def test_a_payer_who_approves_twice_and_whose_approval_is_told_twice_pays_once(paypal_shop, plan):
    paypal_shop.paypal.script(plan, amount=1301, after_seconds=0.2)
    with (
        paypal_shop.paypal.fault("webhook_duplicate"),
        paypal_shop.paypal.fault("duplicate_approval", match={"amount": 1301}),
    ):
        payment = paypal_shop.check_out(amount=1301)
        paypal_shop.wait(payment["id"], "completed", seconds=SECONDS)
        assert until(lambda: told_everything(paypal_shop), SECONDS)
    assert moved(paypal_shop, payment["id"]) == [("capture", 1301)]


def test_a_payer_whose_every_card_is_declined_may_try_until_the_shop_cancels(paypal_shop):
    payment_id = asked(paypal_shop)
    for declined in range(1, 3):
        paypal_shop.paypal.approve(payment_id, "declined_card")
        assert until(lambda: sent_back(paypal_shop, payment_id) == declined, SECONDS)  # noqa: B023 - looked at within this round
    paypal_shop.post(f"/v1/payments/{payment_id}/cancel").raise_for_status()
    paypal_shop.wait(payment_id, "canceled", seconds=SECONDS)
    assert moved(paypal_shop, payment_id) == []


def sent_back(shop: DemoMerchant, payment_id: str) -> int:
    """How often the payer has been asked again."""
    steps = [entry for entry in shop.timeline(payment_id) if entry["kind"] == "step"]
    return sum(one["to_state"] == "requires_action" != one["from_state"] for one in steps) - 1


def test_a_declined_card_of_which_no_answer_tells_sends_the_payer_back_all_the_same(paypal_shop):
    payment_id = asked(paypal_shop)
    with paypal_shop.paypal.fault("answer_lost", match=CAPTURE, times=1) as losing:
        paypal_shop.paypal.approve(payment_id, "declined_card")
        assert until(lambda: sent_back(paypal_shop, payment_id) == 1, SECONDS)
        assert paypal_shop.paypal.strikes(losing) == 1
    paypal_shop.paypal.approve(payment_id)
    paypal_shop.wait(payment_id, "completed", seconds=SECONDS)
    assert moved(paypal_shop, payment_id) == [("capture", 1250)]


def test_an_order_that_paypal_completes_without_money_is_a_payment_that_failed(paypal_shop):
    payment_id = asked(paypal_shop)
    paypal_shop.paypal.approve(payment_id, "failing_card")
    failed = paypal_shop.wait(payment_id, "failed", seconds=SECONDS)
    (order,) = paypal_shop.paypal.orders(payment_id)
    assert order["status"] == "COMPLETED"
    assert failed["failure"]["code"] == "declined"
    assert moved(paypal_shop, payment_id) == []


@pytest.mark.parametrize(("ending", "status"), [("settle", "completed"), ("deny", "failed")])
def test_money_that_is_long_on_its_way_is_waited_for_with_its_reason_and_ends_as_paypal_says(
    paypal_shop, ending, status
):
    payment_id = asked(paypal_shop)
    with paypal_shop.paypal.fault("capture_pending", match=CAPTURE, delay_seconds=3600):
        paypal_shop.paypal.approve(payment_id)
        assert until(lambda: "reviews it" in paypal_shop.explain(payment_id)["why"], SECONDS)
    assert paypal_shop.payment(payment_id)["status"] == "processing"
    paypal_shop.paypal.end_pending(payment_id, ending)
    paypal_shop.wait(payment_id, status, seconds=SECONDS)
    paypal_shop.events(payment_id, f"payment.{status}")
    assert moved(paypal_shop, payment_id) == ([("capture", 1250)] if status == "completed" else [])


def test_an_approval_of_what_was_canceled_takes_nothing(paypal_shop):
    payment_id = asked(paypal_shop)
    paypal_shop.post(f"/v1/payments/{payment_id}/cancel").raise_for_status()
    paypal_shop.wait(payment_id, "canceled", seconds=SECONDS)
    takes_nothing(paypal_shop, payment_id, "canceled")


@pytest.mark.timeout(240)
def test_an_approval_after_the_end_of_the_payment_takes_nothing(paypal_shop):
    expires_at = clock.now() + SHORTEST + timedelta(seconds=2)
    payment_id = asked(paypal_shop, expires_at=expires_at.isoformat())
    ended = paypal_shop.wait(payment_id, "failed", "canceled", seconds=150)
    takes_nothing(paypal_shop, payment_id, ended["status"])


def takes_nothing(shop: DemoMerchant, payment_id: str, status: str) -> None:
    """The payer approves, which Malipo hears of, and nothing happens, however much else does meanwhile."""
    shop.paypal.approve(payment_id)
    assert until(lambda: told_everything(shop), SECONDS)
    paid(shop)
    (order,) = shop.paypal.orders(payment_id)
    assert order["status"] == "APPROVED"
    assert (shop.payment(payment_id)["status"], moved(shop, payment_id)) == (status, [])
