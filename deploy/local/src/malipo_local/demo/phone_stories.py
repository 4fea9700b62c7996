"""The demo's payments by M-Pesa, of a merchant whose PayBill Malipo knows; the demo answers its customers' phones."""

from malipo_local.demo.story import Story, expect
from malipo_local.merchant import DemoMerchant
from malipo_local.paybill import new_phone
from malipo_local.waiting import until

_PUSH = {"method": "POST", "path": "/mpesa/stkpush/v1/processrequest"}
_STATEMENT_SECONDS = 60.0


def enters_the_pin(merchant: DemoMerchant) -> str:
    """100 shillings: the customer's phone asks for the PIN, and gets it."""
    payment = merchant.prompt(amount=10_000, client_ref="order-2001")
    waiting = merchant.wait(payment["id"], "requires_action")
    expect("*" in waiting["action"]["phone"], "of the customer's number the response shows a mask")
    merchant.paybill.answer(payment["id"], "pay")
    merchant.wait(payment["id"], "completed")
    _has_its_receipt(merchant, payment["id"])
    merchant.events(payment["id"], "payment.requires_action", "payment.completed")
    return str(payment["id"])


def is_silent(merchant: DemoMerchant) -> str:
    """The customer pays; M-Pesa's answer is lost, and it never calls back. Nobody is prompted twice."""
    phone = new_phone()
    merchant.paybill.script("paid", phone=phone, silent=True)
    with merchant.paybill.fault("answer_lost", match=_PUSH, times=1):
        payment = merchant.prompt(phone, amount=25_000, prefer="respond-async")
        merchant.wait(payment["id"], "completed", seconds=_STATEMENT_SECONDS)
    _has_its_receipt(merchant, payment["id"])
    expect(len(merchant.paybill.prompts(payment["id"])) == 1, "the customer was asked once")
    merchant.events(payment["id"], "payment.processing", "payment.completed")
    return str(payment["id"])


def is_reversed(merchant: DemoMerchant) -> str:
    """400 shillings that the customer pays, and gets back."""
    phone = new_phone()
    merchant.paybill.script("paid", phone=phone)
    payment = merchant.prompt(phone, amount=40_000)
    merchant.wait(payment["id"], "completed")
    refund = merchant.post(f"/v1/payments/{payment['id']}/refunds", {"reason": "returned"}).raise_for_status().json()
    expect(merchant.wait_refund(refund["id"])["status"] == "completed", "M-Pesa reports that it was reversed")
    merchant.events(payment["id"], "payment.completed", "refund.completed")
    return str(payment["id"])


PHONE_STORIES = (
    Story("M-Pesa", "A prompt on the customer's phone, the PIN, the receipt.", enters_the_pin),
    Story(
        "M-Pesa, silent",
        "Neither an answer nor a callback comes: in doubt, until the account's statement shows the payment.",
        is_silent,
    ),
    Story("M-Pesa, given back", "A reversal, whose result M-Pesa reports by a callback of its own.", is_reversed),
)


def _has_its_receipt(merchant: DemoMerchant, payment_id: str) -> None:
    """M-Pesa names the payment when it tells that it was paid, or a little later."""
    receipts = [effect["receipt"] for effect in merchant.paybill.effects(payment_id)]
    expect(
        until(lambda: receipts == [merchant.payment(payment_id)["provider_reference"]], _STATEMENT_SECONDS),
        "the payment's reference is M-Pesa's receipt",
    )
