"""Cards that are kept while they pay, and charged again, with the customer there or not."""

from malipo_local.demo.story import Story, expect
from malipo_local.merchant import DemoMerchant


def is_charged_again(merchant: DemoMerchant) -> str:
    """A card that pays 12.50 and is kept, and pays 9.00 with the customer there, and 7.00 by the merchant alone."""
    kept = merchant.keep_card(amount=1250)
    expect(kept["card"]["last_four"] == "4242", "of the card its brand, last four digits and expiry are known")
    merchant.events(kept["payment_id"], "payment.completed", "payment_method.saved")
    payment_id = ""
    for initiator, amount in (("customer", 900), ("merchant", 700)):
        payment = merchant.pay_again(kept["id"], initiator, amount=amount, return_url="https://shop.example/thanks")
        payment_id = str(payment["id"])
        merchant.wait(payment_id, "completed")
    merchant.events(payment_id, "payment.completed")
    return payment_id


def needs_its_customer(merchant: DemoMerchant) -> str:
    """The merchant charges a saved card alone, and the bank wants the customer, who comes back and approves."""
    kept = merchant.keep_card("pm_card_authenticationRequired", amount=1250)
    payment = merchant.pay_again(kept["id"], amount=2000, return_url="https://shop.example/thanks")
    waiting = merchant.wait(payment["id"], "requires_action")
    expect(waiting["action"]["url"].startswith("http"), "the webhook holds the page to send the customer to")
    merchant.authenticate(payment["id"], "approve")
    merchant.wait(payment["id"], "completed")
    merchant.events(payment["id"], "payment.requires_action", "payment.completed")
    return str(payment["id"])


def is_saved_without_paying(merchant: DemoMerchant) -> str:
    """A card is saved without a payment, its customer approves at the bank, and the merchant charges it 9.00 alone."""
    method = merchant.save_card("pm_card_authenticationRequiredOnSetup", return_url="https://shop.example/cards")
    waiting = merchant.wait_method(method["id"], "requires_action")
    expect(waiting["action"]["url"].startswith("http"), "there is a page to send the customer to")
    merchant.authenticate(method["id"], "approve")
    merchant.wait_method(method["id"], "active")
    merchant.events(method["id"], "payment_method.requires_action", "payment_method.saved")
    payment = merchant.pay_again(method["id"], amount=900)
    merchant.wait(payment["id"], "completed")
    return str(payment["id"])


SAVED_STORIES = (
    Story("A saved card", "It is kept while it pays, and charged twice more: nobody types it again.", is_charged_again),
    Story(
        "Nobody there",
        "The merchant charges a saved card; the bank wants the customer, who is sent a page and approves.",
        needs_its_customer,
    ),
    Story(
        "Saved without paying",
        "A card is saved without a payment, its customer approves once at the bank, and it is charged later.",
        is_saved_without_paying,
    ),
)
