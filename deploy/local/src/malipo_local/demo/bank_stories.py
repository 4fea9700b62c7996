"""The demo's bank transfers, of a merchant whose account at the bank Malipo knows; the demo plays the bank where it is slow."""

from malipo_local.bank import STAYS, by_account, by_alias
from malipo_local.demo.story import Story, expect
from malipo_local.merchant import DemoMerchant
from malipo_local.waiting import until


def arrives(merchant: DemoMerchant) -> str:
    """75.00 to an e-mail address, which Zelle reaches, at any hour."""
    payment = merchant.transfer(by_alias(), amount=7500, client_ref="invoice-4001", remittance="Invoice 4001")
    shown = payment["transfer"]
    expect((shown["rail"], shown["rail_chosen"]) == ("ZELLE", True), "the rail is chosen, and shown")
    expect("*" in shown["recipient"]["alias"]["value"], "of the recipient's address the response shows a mask")
    merchant.wait(payment["id"], "completed")
    merchant.events(payment["id"], "payment.processing", "payment.completed")
    return str(payment["id"])


def comes_back(merchant: DemoMerchant) -> str:
    """800.00 by ACH to an account that is closed: completed, and returned by the recipient's bank days later."""
    payment = merchant.transfer(by_account(STAYS), rail="ACH", amount=80_000, client_ref="invoice-4002")
    expect(until(lambda: bool(merchant.bank.payments(payment["id"])), 20), "the bank has it")
    merchant.bank.decide(payment["id"], "complete")
    merchant.wait(payment["id"], "completed")
    merchant.events(payment["id"], "payment.completed")
    merchant.bank.decide(payment["id"], "return", "R02")
    back = merchant.wait(payment["id"], "returned")
    expect(back["failure"]["code"] == "R02", "the reason is the recipient's bank's own")
    expect(back["amount_captured"] == 0, "the money is back")
    merchant.events(payment["id"], "payment.returned")
    return str(payment["id"])


BANK_STORIES = (
    Story("A bank transfer", "A rail is chosen, the bank takes it, works on it, and completes it.", arrives),
    Story(
        "A bank transfer, returned",
        "It is completed, and days later, which a person at the bank's desk skips, the money comes back.",
        comes_back,
    ),
)
