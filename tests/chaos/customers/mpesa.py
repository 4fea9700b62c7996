"""Customers who pay on their phones, or do not."""

from chaos.customers.customer import Customer, Due, Kind
from malipo.contracts.providers.mpesa import SHILLING
from malipo_local.paybill import new_phone

_ANSWER_SECONDS = 0.5


async def _answer(customer: Customer, ending: str, shillings: int, due: Due) -> None:
    """Request a payment of a customer who ends it so a moment after the phone asks."""
    phone, simulator = new_phone(), customer.merchant.paybill.http.base_url
    script = {"match": {"phone": f"254{phone[1:]}"}, "ending": ending, "after_seconds": _ANSWER_SECONDS}
    async with customer.session.post(f"{simulator}/_sim/scripts", json=script) as answer:
        answer.raise_for_status()
    await customer.pay({"type": "mpesa", "phone": phone}, shillings * SHILLING, "KES", due)


async def _pay(customer: Customer, amount: int) -> None:
    await _answer(customer, "paid", amount, Due("completed", amount * SHILLING))


async def _cancel(customer: Customer, amount: int) -> None:
    await _answer(customer, "cancelled", amount, Due("failed"))


KINDS: dict[str, Kind] = {"prompt paid": _pay, "prompt cancelled": _cancel}
