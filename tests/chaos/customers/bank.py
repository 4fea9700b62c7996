"""Merchants who send money by their bank, and what becomes of it there."""

from chaos.customers.customer import Customer, Due, Kind
from malipo_local.bank import HELD, by_account, by_alias
from malipo_local.merchant import Json

_REJECTED, _COMES_BACK = "1004", "0002"


async def _send(customer: Customer, recipient: Json, amount: int, due: Due, rail: str | None = None) -> str:
    method = {"type": "bank_transfer", "recipient": recipient, **({"rail": rail} if rail else {})}
    return await customer.pay(method, amount, "USD", due)


async def _arrive(customer: Customer, amount: int) -> None:
    recipient = by_alias() if amount % 2 else by_account()
    await _send(customer, recipient, amount, Due("completed", amount))


async def _reject(customer: Customer, amount: int) -> None:
    await _send(customer, by_account(_REJECTED), amount, Due("failed"), "RTP")


async def _come_back(customer: Customer, amount: int) -> None:
    """Until it has: meanwhile it is completed, and nothing is under way."""
    payment_id = await _send(customer, by_account(_COMES_BACK), amount, Due("returned"), "ACH")
    await customer.wait(payment_id)
    await customer.wait_while(payment_id, "completed")


async def _cancel(customer: Customer, amount: int) -> None:
    payment_id = await _send(customer, by_account(HELD), amount, Due("canceled"), "RTP")
    await customer.wait(payment_id, "processing")
    await customer.request(f"/v1/payments/{payment_id}/cancel", {})


async def _ask_back(customer: Customer, amount: int) -> None:
    """Until it is there: the recipient's bank takes its time to answer."""
    payment_id = await _send(customer, by_account(), amount, Due("returned"), "RTP")
    if (await customer.wait(payment_id))["status"] != "completed":
        return
    await customer.request(f"/v1/payments/{payment_id}/return-request", {})
    await customer.wait_while(payment_id, "completed")


KINDS: dict[str, Kind] = {
    "transfer": _arrive,
    "transfer rejected": _reject,
    "transfer returned": _come_back,
    "transfer canceled": _cancel,
    "transfer asked back": _ask_back,
}
