"""What each provider's own book has about one payment of Malipo's."""

from collections import Counter
from collections.abc import Callable, Mapping

from malipo_local.merchant import DemoMerchant

type Effects = Counter[tuple[str, int]]
"""How often money moved: in which way, in the provider's words, and how much, in minor units."""


def _stripes(merchant: DemoMerchant, payment_id: str) -> Effects:
    filters = {"metadata[malipo_payment_id]": payment_id}
    book = merchant.stripe.get("/_sim/book", params=filters).raise_for_status().json()
    return Counter((effect["kind"], effect["amount"]) for effect in book["effects"])


EFFECTS: Mapping[str, Callable[[DemoMerchant, str], Effects]] = {"stripe": _stripes}
"""By the name of the provider."""
