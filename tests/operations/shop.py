"""What the pages' stories look at: a merchant's payments, and that the merchant was told of their ends, once."""

from malipo_local.merchant import DemoMerchant
from operations.scrapes import SECONDS

BY_HAND = 77_700
"""What a customer pays by hand before all stories, in cents: M-Pesa's money is told of after a minute."""


def pay_soon(shop: DemoMerchant, count: int) -> list[str]:
    return [shop.pay(amount=3000 + number, prefer="respond-async")["id"] for number in range(count)]


def told_once(shop: DemoMerchant, payment_id: str, seconds: float = SECONDS) -> None:
    assert shop.wait(payment_id, seconds=SECONDS)["status"] == "completed"
    shop.events(payment_id, "payment.completed", seconds=seconds)
