"""The demo's payments by PayPal, of a merchant whose account Malipo knows; the demo is the payer."""

import httpx

from malipo_local.demo.story import Story, expect
from malipo_local.merchant import DemoMerchant
from malipo_local.waiting import until


def approves(merchant: DemoMerchant) -> str:
    """45.00: the payer approves, PayPal tells of it, Malipo captures. 15.00 of it go back."""
    merchant.paypal.script("approve", amount=4500)
    payment = merchant.check_out(amount=4500, client_ref="order-3001")
    paid = merchant.wait(payment["id"], "completed")
    expect("*" in paid["payer"], "of the payer's address the response shows a mask")
    refund = merchant.post(f"/v1/payments/{payment['id']}/refunds", {"amount": 1500}).raise_for_status().json()
    expect(merchant.wait_refund(refund["id"])["status"] == "completed", "15.00 are refunded")
    merchant.events(payment["id"], "payment.requires_action", "payment.completed", "refund.completed")
    return str(payment["id"])


def changes_the_card(merchant: DemoMerchant) -> str:
    """The card is declined; the payer comes back to the same page and pays with something else. One capture."""
    payment = merchant.check_out(amount=5200)
    waiting = merchant.wait(payment["id"], "requires_action")
    expect(httpx.get(waiting["action"]["url"]).is_success, "the answer holds the page to send the payer to")
    merchant.paypal.approve(payment["id"], "declined_card")
    merchant.events(payment["id"], "payment.processing")
    merchant.wait(payment["id"], "requires_action")
    merchant.paypal.approve(payment["id"])
    merchant.wait(payment["id"], "completed")
    merchant.events(payment["id"], "payment.requires_action", "payment.completed")
    return str(payment["id"])


def is_shipped_in_two_parcels(merchant: DemoMerchant) -> str:
    """80.00 are held; 50.00 are captured with the first parcel, and with the second one the rest."""
    merchant.paypal.script("approve", amount=8000)
    payment = merchant.check_out(amount=8000, capture="manual")
    merchant.wait(payment["id"], "authorized")
    path = f"/v1/payments/{payment['id']}/capture"
    merchant.post(path, {"amount": 5000, "final": False}).raise_for_status()
    expect(until(lambda: merchant.payment(payment["id"])["amount_captured"] == 5000, 20), "50.00 are captured")
    expect(merchant.payment(payment["id"])["status"] == "authorized", "the rest is still held")
    merchant.post(path, {}).raise_for_status()
    expect(merchant.wait(payment["id"], "completed")["amount_captured"] == 8000, "all of it is captured")
    merchant.events(payment["id"], "payment.authorized", "payment.partially_captured", "payment.completed")
    return str(payment["id"])


PAYPAL_STORIES = (
    Story("PayPal", "The payer approves at PayPal, Malipo captures, a part is refunded.", approves),
    Story("PayPal, another card", "A declined card sends the payer back to PayPal's page.", changes_the_card),
    Story("PayPal, two parcels", "Money that is held is captured in two parts.", is_shipped_in_two_parcels),
)
