"""What tests of saved methods share: a payment that has saved its card, and requests that charge it again."""

from msgspec.structs import replace

from malipo import clock, ids
from malipo.contracts.commands import CreatePayment
from malipo.contracts.events import CardView, PaymentMethodView

CARD = {"type": "card", "token": "pm_card_visa"}
SAVING = {"amount": 1250, "currency": "USD", "method": CARD, "customer_ref": "customer-7", "save_method": True}


def again(method_id: str, initiator: str = "merchant", *, amount: int = 700, how: dict | None = None, **fields) -> dict:
    """A payment with a saved method; `how` are further fields of the method."""
    method = {"type": "saved", "id": method_id, "initiator": initiator} | (how or {})
    return {"amount": amount, "currency": "USD", "method": method} | fields


async def keep(gateway, merchant, exp_year: int = 2099, **fields) -> dict:
    """A payment that has saved its card; the method as the API shows it."""
    payment = (await merchant.pay(SAVING | fields)).json()
    now = clock.now()
    card = CardView(brand="visa", last_four="4242", exp_month=8, exp_year=exp_year, fingerprint="f1")
    method = PaymentMethodView(
        id=ids.new("pm"), type="card", status="active", customer_ref=payment["customer_ref"], payment_id=payment["id"],
        provider="stripe", account=payment["account"], card=card, created_at=now, updated_at=now,
    )  # fmt: skip
    step = gateway.step(merchant, payment, event="payment_method.saved")
    await gateway.receive(replace(step, payment_method=method))
    return (await merchant.get(f"/v1/payment-methods/{method.id}")).json()


async def commands(gateway) -> list[CreatePayment]:
    """The payments that the orchestrator was asked to make."""
    return [one for one in await gateway.sent() if isinstance(one, CreatePayment)]
