"""The amounts of an order: each by its currency, all in one, and a breakdown that adds up."""

from typing import Any

from malipo_simulators.kit.shapes import Json
from malipo_simulators.paypal.http.request import PaypalRequest
from malipo_simulators.paypal.objects.money import Money, zero
from malipo_simulators.paypal.objects.values import as_list

ADDED = ("item_total", "shipping", "handling", "tax_total", "insurance")
DEDUCTED = ("shipping_discount", "discount")


def read_amount(request: PaypalRequest, unit: Json, at: str) -> Money:
    """The unit's amount. Raise the issue of what is wrong with it, its breakdown or its items."""
    given: Any = unit["amount"]
    amount = request.money(given, f"{at}/amount")
    breakdown = read_breakdown(request, given, amount, f"{at}/amount/breakdown")
    check_items(request, as_list(unit.get("items")) or [], breakdown, amount, at)
    return amount


def read_breakdown(request: PaypalRequest, given: Any, amount: Money, at: str) -> dict[str, Money]:
    parts: dict[str, Any] = given.get("breakdown") or {}
    read = {name: same_currency(request, part, amount, f"{at}/{name}") for name, part in parts.items()}
    if read:
        nothing = zero(amount.currency)
        added = sum(read.get(name, nothing).minor for name in ADDED)
        if added - sum(read.get(name, nothing).minor for name in DEDUCTED) != amount.minor:
            raise request.issue("AMOUNT_MISMATCH", at.removesuffix("/breakdown") + "/value", amount.value)
    return read


def same_currency(request: PaypalRequest, given: Json, amount: Money, at: str) -> Money:
    part = request.money(given, at, least=0)
    if part.currency != amount.currency:
        raise request.issue("MULTI_CURRENCY_ORDER", f"{at}/currency_code", part.currency)
    return part


def check_items(request: PaypalRequest, items: list[Any], breakdown: dict[str, Money], amount: Money, at: str) -> None:
    """The totals of items are in the breakdown, and are their sums."""
    for name, field, prefix in (("unit_amount", "item_total", "ITEM_TOTAL"), ("tax", "tax_total", "TAX_TOTAL")):
        priced = [(index, item) for index, item in enumerate(items) if name in item]
        if not priced:
            continue
        prices = [same_currency(request, item[name], amount, f"{at}/items/{index}/{name}") for index, item in priced]
        if field not in breakdown:
            raise request.issue(f"{prefix}_REQUIRED", f"{at}/amount/breakdown/{field}")
        wanted = sum(price.minor * int(item["quantity"]) for price, (_, item) in zip(prices, priced, strict=True))
        if wanted != breakdown[field].minor:
            raise request.issue(f"{prefix}_MISMATCH", f"{at}/amount/breakdown/{field}/value", breakdown[field].value)


def normalized(unit: Json, amount: Money) -> Json:
    """The unit as it is shown back: its value as PayPal writes it."""
    given: Any = unit["amount"]
    return unit | {"amount": given | amount.as_json()}
