"""The payments of the demo: each does something, waits until it has happened, and says what to look at."""

import signal
from contextlib import AbstractContextManager
from typing import Any

from malipo_local.demo.bank_stories import BANK_STORIES
from malipo_local.demo.paypal_stories import PAYPAL_STORIES
from malipo_local.demo.phone_stories import PHONE_STORIES
from malipo_local.demo.saved_stories import SAVED_STORIES
from malipo_local.demo.story import Story, expect
from malipo_local.faults import fault, strikes
from malipo_local.merchant import DemoMerchant
from malipo_local.waiting import until


def completes(merchant: DemoMerchant) -> str:
    """A card payment, 12.50 USD."""
    payment = merchant.pay("pm_card_visa", amount=1250, client_ref="order-1001")
    merchant.wait(payment["id"], "completed")
    merchant.events(payment["id"], "payment.completed")
    return str(payment["id"])


def asks_the_customer(merchant: DemoMerchant) -> str:
    """A card whose bank wants to authenticate the customer; the demo is the customer and approves."""
    payment = merchant.pay("pm_card_authenticationRequired", amount=4900, return_url="https://shop.example/thanks")
    waiting = merchant.wait(payment["id"], "requires_action")
    expect(waiting["action"]["url"].startswith("http"), "the answer holds the page to send the customer to")
    merchant.stripe.post(f"/_sim/3ds/{waiting['provider_reference']}/approve").raise_for_status()
    merchant.wait(payment["id"], "completed")
    merchant.events(payment["id"], "payment.requires_action", "payment.completed")
    return str(payment["id"])


def is_declined(merchant: DemoMerchant) -> str:
    """A card without enough money on it."""
    payment = merchant.pay("pm_card_visa_chargeDeclinedInsufficientFunds", amount=99900)
    failed = merchant.wait(payment["id"], "failed")
    expect(failed["failure"]["code"] == "insufficient_funds", "the reason is the bank's own")
    merchant.events(payment["id"], "payment.failed")
    return str(payment["id"])


def is_refunded(merchant: DemoMerchant) -> str:
    """A payment of 30.00 of which 12.00 are refunded, and a refund of more than is left, which is refused."""
    payment = merchant.pay("pm_card_visa", amount=3000)
    merchant.wait(payment["id"], "completed")
    merchant.post(f"/v1/payments/{payment['id']}/refunds", {"amount": 1200}).raise_for_status()
    expect(until(lambda: merchant.payment(payment["id"])["amount_refunded"] == 1200, 20), "12.00 are refunded")
    refused = merchant.post(f"/v1/payments/{payment['id']}/refunds", {"amount": 1801})
    expect(refused.json()["code"] == "refund_exceeds_captured", "more than is left is refused")
    merchant.events(payment["id"], "payment.completed", "refund.completed")
    return str(payment["id"])


def loses_the_answer(merchant: DemoMerchant) -> str:
    """Stripe takes the money; its answer is lost, its webhook too. Malipo does not guess: it queries, twice here."""
    charge = {"method": "POST", "amount": 7700}
    with (
        stripe_fault(merchant, "webhook_drop", match={"amount": 7700}),
        stripe_fault(merchant, "answer_lost", match=charge, times=1),
        stripe_fault(merchant, "connection_reset", match=charge, times=1),
    ):
        payment = merchant.pay("pm_card_visa", amount=7700, prefer="respond-async")
        merchant.wait(payment["id"], "completed")
    merchant.events(payment["id"], "payment.processing", "payment.completed")
    return str(payment["id"])


def survives_a_kill(merchant: DemoMerchant) -> str:
    """provider-stripe is killed with -9 while Stripe is taking the money."""
    charge = {"method": "POST", "amount": 8800}
    with stripe_fault(merchant, "slow", match=charge, delay_seconds=1.5, times=1) as rule:
        payment = merchant.pay("pm_card_visa", amount=8800, prefer="respond-async")
        expect(until(lambda: strikes(merchant.stripe, rule) > 0, 20), "the charge is on its way to Stripe")
        merchant.stack.kill("provider-stripe", signal.SIGKILL)
        merchant.wait(payment["id"], "completed", seconds=60)
    merchant.events(payment["id"], "payment.completed")
    merchant.stack.wait_ready("provider-stripe", 60)
    # Stripe's callback may have reported the end before the charge that the dead process had sent was claimed again.
    expect(until(lambda: "attempt" in event_types(merchant, payment["id"]), 30), "the charge is claimed again")
    return str(payment["id"])


CARD_STORIES = (
    Story("A payment", "The merchant posts it, Stripe takes the money, the merchant is notified.", completes),
    Story("3-D Secure", "The bank wants to authenticate the customer: redirect, approval, done.", asks_the_customer),
    Story("A decline", "No money moves, and the reason is the bank's own.", is_declined),
    Story("A refund", "Part of it is refunded; more than is left is refused.", is_refunded),
    Story(
        "A lost answer",
        "Stripe charged, its answer never came: in doubt, until a query shows the outcome.",
        loses_the_answer,
    ),
    Story(
        "kill -9",
        "provider-stripe dies in the middle of a charge, and comes back; its lease on the charge ends after six seconds.",
        survives_a_kill,
    ),
)
STORIES = (*CARD_STORIES, *SAVED_STORIES, *PHONE_STORIES, *PAYPAL_STORIES, *BANK_STORIES)


def event_types(merchant: DemoMerchant, payment_id: str) -> set[str]:
    """The kinds of entries in a payment's timeline."""
    return {entry["kind"] for entry in merchant.timeline(payment_id)}


def stripe_fault(merchant: DemoMerchant, name: str, **rule: Any) -> AbstractContextManager[str]:
    """Stripe misbehaves while the block lasts; yields the rule's id."""
    return fault(merchant.stripe, name, **rule)
