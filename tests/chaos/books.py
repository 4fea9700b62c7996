"""What each provider's own book has about one payment of Malipo's."""

from collections import Counter
from collections.abc import Callable, Mapping

from malipo.contracts.providers.mpesa import SHILLING
from malipo_local.merchant import DemoMerchant
from malipo_local.paybill import reference_of

type Effects = Counter[tuple[str, int]]
"""How often money moved: in which way, in the provider's words, and how much, in minor units."""


def _stripes(merchant: DemoMerchant, payment_id: str) -> Effects:
    filters = {"metadata[malipo_payment_id]": payment_id}
    book = merchant.stripe.get("/_sim/book", params=filters).raise_for_status().json()
    return Counter((effect["kind"], effect["amount"]) for effect in book["effects"])


def _mpesas(merchant: DemoMerchant, payment_id: str) -> Effects:
    """Also how often a customer was asked, which is to happen once."""
    paybill, receipt = merchant.paybill, merchant.payment(payment_id)["provider_reference"]
    moved = [
        (effect["kind"], effect["amount"])
        for effect in paybill.effects()
        if effect["account_reference"] == reference_of(payment_id)
        or (effect["original"] or effect["receipt"]) == receipt
    ]
    asked = [("prompt", prompt["amount"]) for prompt in paybill.prompts(payment_id)]
    return Counter((kind, amount * SHILLING) for kind, amount in (*asked, *moved))


def _paypals(merchant: DemoMerchant, payment_id: str) -> Effects:
    """Also how many orders were made, of which one is to be."""
    moved = [(effect["kind"], effect["amount"]) for effect in merchant.paypal.effects(payment_id)]
    return Counter([*moved, *(("order", 0) for _ in merchant.paypal.orders(payment_id))])


def _banks(merchant: DemoMerchant, payment_id: str) -> Effects:
    """Found by what the merchant wrote to the recipient, whatever else a transfer is called."""
    remittance = merchant.payment(payment_id)["remittance"]
    ours = [effect for effect in merchant.bank.effects() if effect["remittance"] == remittance]
    return Counter((effect["kind"], effect["amount"]) for effect in ours)


EFFECTS: Mapping[str, Callable[[DemoMerchant, str], Effects]] = {
    "bank": _banks,
    "mpesa": _mpesas,
    "paypal": _paypals,
    "stripe": _stripes,
}
"""By the name of the provider."""
