"""Customers who pay by card."""

import asyncio

from chaos.customers.customer import Customer, Due, Kind


async def _pay(customer: Customer, token: str, amount: int, due: Due, **fields: str) -> str:
    return await customer.pay({"type": "card", "token": token}, amount, "USD", due, **fields)


async def _charge(customer: Customer, amount: int) -> None:
    await _pay(customer, "pm_card_visa", amount, Due("completed", amount))


async def _decline(customer: Customer, amount: int) -> None:
    await _pay(customer, "pm_card_visa_chargeDeclinedInsufficientFunds", amount, Due("failed"))


async def _confirm(customer: Customer, amount: int) -> None:
    due, back = Due("completed", amount), "https://shop.example/thanks"
    payment_id = await _pay(customer, "pm_card_authenticationRequired", amount, due, return_url=back)
    payment = await customer.wait(payment_id, "requires_action")
    if payment["status"] == "requires_action":
        url = f"{customer.merchant.stripe.base_url}/_sim/3ds/{payment['provider_reference']}/approve"
        async with customer.session.post(url):
            pass


async def _capture(customer: Customer, amount: int) -> None:
    payment_id = await _pay(customer, "pm_card_visa", amount, Due("completed", amount), capture="manual")
    if (await customer.wait(payment_id, "authorized"))["status"] == "authorized":
        await customer.request(f"/v1/payments/{payment_id}/capture", {})


async def _refund(customer: Customer, amount: int) -> None:
    part = amount * 2 // 3  # of two at once one must be refused
    payment_id = await _pay(customer, "pm_card_visa", amount, Due("completed", amount, part))
    if (await customer.wait(payment_id))["status"] == "completed":
        await asyncio.gather(
            *(customer.request(f"/v1/payments/{payment_id}/refunds", {"amount": part}) for _ in range(2))
        )


KINDS: dict[str, Kind] = {
    "charge": _charge,
    "decline": _decline,
    "3ds": _confirm,
    "capture": _capture,
    "refund": _refund,
}
