"""Scripted payers: what those who are to pay this do, by themselves and in which order."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from malipo_simulators.kit.scripts import Scripts
from malipo_simulators.paypal.objects.models import Order
from malipo_simulators.paypal.objects.plans import Plan


class OrderMatch(BaseModel):
    """Every part given must match; an empty one matches every order."""

    model_config = ConfigDict(extra="forbid")

    amount: int | None = Field(default=None, description="In PayPal's minor units: 1000 is 10.00 USD, or 1000 JPY.")
    currency: str | None = None
    custom_id: str | None = Field(default=None, description="Of the first purchase unit.")
    invoice_id: str | None = Field(default=None, description="Of the first purchase unit.")
    account: str | None = Field(default=None, description="The merchant's id, as in the book.")

    def takes(self, order: Order, account_id: str) -> bool:
        return (
            self.amount in (None, order.amount.minor)
            and self.currency in (None, order.amount.currency)
            and self.custom_id in (None, order.units[0].custom_id)
            and self.invoice_id in (None, order.units[0].invoice_id)
            and self.account in (None, account_id)
        )


@dataclass(frozen=True, slots=True)
class Fate:
    """What a payer does by itself; `after_seconds` goes before each approval."""

    plan: Plan
    after_seconds: float


type PaypalScripts = Scripts[OrderMatch, Fate]
