"""Customers who approve at PayPal's page, or do not."""

from chaos.customers.customer import Customer, Due, Kind

_APPROVE_SECONDS = 0.5
_BACK = {"return_url": "https://shop.example/thanks", "cancel_url": "https://shop.example/cart"}


async def _pay(customer: Customer, plan: str, amount: int, due: Due, **fields: str) -> str:
    """Request a payment of a customer who goes by this plan a moment after the order was made."""
    match = {"account": customer.merchant.paypal.account_id, "amount": amount}
    script = {"match": match, "plan": plan, "after_seconds": _APPROVE_SECONDS}
    url = f"{customer.merchant.paypal.http.base_url}/_sim/scripts"
    async with customer.session.post(url, json=script) as answer:
        answer.raise_for_status()
    return await customer.pay({"type": "paypal"}, amount, "USD", due, **_BACK, **fields)


async def _approve(customer: Customer, amount: int) -> None:
    await _pay(customer, "approve_twice", amount, Due("completed", amount))


async def _change_card(customer: Customer, amount: int) -> None:
    await _pay(customer, "decline_then_approve", amount, Due("completed", amount))


async def _hold(customer: Customer, amount: int) -> None:
    part = amount // 3
    payment_id = await _pay(customer, "approve", amount, Due("completed", amount), capture="manual")
    if (await customer.wait(payment_id, "authorized"))["status"] != "authorized":
        return
    await customer.request(f"/v1/payments/{payment_id}/capture", {"amount": part, "final": False})
    await customer.wait_for(payment_id, lambda payment: payment["amount_captured"] == part)
    await customer.request(f"/v1/payments/{payment_id}/capture", {})


KINDS: dict[str, Kind] = {
    "paypal approved": _approve,
    "paypal declined at first": _change_card,
    "paypal in parts": _hold,
}
