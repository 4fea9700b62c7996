"""Stories of PayPal's webhooks that are lost, late or false, and of its statement, which has what they do not tell."""

import json
import time
from collections import Counter
from collections.abc import Callable

import pytest
from paypal_steps import CAPTURE, SECONDS, asked, capture, moved, paid, step

from malipo_local.demo import books
from malipo_local.demo.tour import timeline_lines
from malipo_local.merchant import DemoMerchant, Json
from malipo_local.waiting import until


def test_an_approval_of_which_no_webhook_tells_is_found_by_asking(paypal_shop):
    payment_id = asked(paypal_shop)
    with paypal_shop.paypal.fault("webhook_drop"):
        paypal_shop.paypal.approve(payment_id)
        paypal_shop.wait(payment_id, "completed", seconds=SECONDS)
    assert step(paypal_shop, payment_id, "approved")["source"] == "query"
    assert moved(paypal_shop, payment_id) == [("capture", 1250)]


def test_a_capture_whose_answer_and_webhook_are_lost_is_found_by_asking_and_made_once(paypal_shop):
    payment_id = asked(paypal_shop, amount=1450)
    with (
        paypal_shop.paypal.fault("webhook_drop", match={"event_type": "PAYMENT.*"}),
        paypal_shop.paypal.fault("answer_lost", match=CAPTURE, times=1) as losing,
    ):
        paypal_shop.paypal.approve(payment_id)
        paypal_shop.wait(payment_id, "completed", seconds=SECONDS)
        assert paypal_shop.paypal.strikes(losing) == 1
    assert moved(paypal_shop, payment_id) == [("capture", 1450)]
    print("\nthe capture's answer was lost:", *timeline_lines(paypal_shop.reported(payment_id)), sep="\n")  # noqa: T201


@pytest.mark.parametrize(("how", "status"), [("settle", "completed"), ("deny", "failed")])
def test_an_end_that_comes_late_and_of_which_no_webhook_tells_is_found_in_the_statement(paypal_shop, how, status):
    """PayPal would be asked about it after six hours."""
    payment_id = asked(paypal_shop)
    with paypal_shop.paypal.fault("capture_pending", match=CAPTURE, delay_seconds=3600):
        paypal_shop.paypal.approve(payment_id)
        assert until(lambda: "reviews it" in paypal_shop.explain(payment_id)["why"], SECONDS)
    with paypal_shop.paypal.fault("webhook_drop"):
        paypal_shop.paypal.end_pending(payment_id, how)
        paypal_shop.wait(payment_id, status, seconds=SECONDS)


@pytest.mark.parametrize("fault", ["webhook_late", "webhook_reorder", "webhook_forged", "webhook_stale"])
def test_a_fault_of_paypals_webhooks_changes_nothing(paypal_shop, fault):
    with paypal_shop.paypal.fault(fault, delay_seconds=0.5):
        payment_id = paid(paypal_shop)
    received = paypal_shop.events(payment_id, "payment.completed")
    assert [one["sequence"] for one in received] == list(range(1, len(received) + 1))
    assert moved(paypal_shop, payment_id) == [("capture", 1250)]


@pytest.mark.timeout(300)
def test_a_day_of_which_one_webhook_in_twenty_is_lost_balances(paypal_shop):
    """The day is short: the settings of this stack have everything that waits for hours wait for seconds."""
    expected: dict[str, Json] = {}
    certain = paypal_shop.paypal.fault("webhook_drop", after=9, times=1)  # of so few webhooks chance may lose none
    with certain as first, paypal_shop.paypal.fault("webhook_drop", probability=0.05) as dropping:
        began = time.monotonic()
        for number in range(40):
            payment_id, ending = KINDS[number % len(KINDS)](paypal_shop, 20_000 + number)
            expected[payment_id] = ending
        for payment_id, ending in expected.items():
            paypal_shop.wait(payment_id, ending["status"], seconds=150)
        seconds = time.monotonic() - began
        dropped = paypal_shop.paypal.strikes(first) + paypal_shop.paypal.strikes(dropping)
    for payment_id, ending in expected.items():
        payment = paypal_shop.payment(payment_id)
        assert {name: payment[name] for name in ending} == ending
    assert until(lambda: books.differences(paypal_shop) == [], SECONDS), books.differences(paypal_shop)
    assert dropped, "no webhook was dropped"
    ends = Counter(ending["status"] for ending in expected.values())
    heard = Counter(step(paypal_shop, payment_id, "approved")["source"] for payment_id in expected)
    figures = {"webhooks dropped": dropped, "payments": len(expected), "seconds": round(seconds, 1), "ends": dict(ends)}
    figures["approvals heard of by"] = dict(heard)
    print("\na day of which webhooks are lost:", json.dumps(figures))  # noqa: T201


type Kind = Callable[[DemoMerchant, int], tuple[str, Json]]
"""A customer of a day: requests a payment of this amount; returns its id, and how it is to end."""


def planned(plan: str, status: str) -> Kind:
    def come(shop: DemoMerchant, amount: int) -> tuple[str, Json]:
        shop.paypal.script(plan, amount=amount, after_seconds=0.2)
        payment = shop.check_out(amount=amount, prefer="respond-async")
        return payment["id"], {"status": status, "amount_captured": amount if status == "completed" else 0}

    return come


def refunding(shop: DemoMerchant, amount: int) -> tuple[str, Json]:
    payment_id, ending = planned("approve", "completed")(shop, amount)
    shop.wait(payment_id, "completed", seconds=SECONDS)
    shop.post(f"/v1/payments/{payment_id}/refunds", {"amount": 5000}).raise_for_status()
    return payment_id, ending | {"amount_refunded": 5000}


def shipping(shop: DemoMerchant, amount: int) -> tuple[str, Json]:
    shop.paypal.script("approve", amount=amount, after_seconds=0.2)
    payment = shop.check_out(amount=amount, capture="manual")
    shop.wait(payment["id"], "authorized", seconds=SECONDS)
    capture(shop, payment["id"], amount=15_000)
    return payment["id"], {"status": "completed", "amount_captured": 15_000}


KINDS: tuple[Kind, ...] = (
    planned("approve", "completed"),
    planned("approve_twice", "completed"),
    planned("decline_then_approve", "completed"),
    planned("capture_declined", "failed"),
    planned("pending_then_completed", "completed"),
    planned("review_then_denied", "failed"),
    refunding,
    shipping,
)
