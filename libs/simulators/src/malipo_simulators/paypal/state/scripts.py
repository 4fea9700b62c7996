"""Scripted payers: what those who are to pay this do, by themselves and in which order."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

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


@dataclass(slots=True, eq=False)
class Script:
    """`times` is how many orders it is for; None for any number."""

    id: str
    match: OrderMatch
    plan: Plan
    after_seconds: float
    times: int | None
    played: int = 0


class Scripts:
    """In order of arrival: the first that takes an order decides."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._scripts: dict[str, Script] = {}
        self._count = 0

    def add(self, match: OrderMatch, plan: Plan, after_seconds: float, times: int | None) -> Script:
        """Raise OverflowError at the limit."""
        if len(self._scripts) >= self._limit:
            raise OverflowError(self._limit)
        self._count += 1
        script = Script(f"script_{self._count}", match, plan, after_seconds, times)
        self._scripts[script.id] = script
        return script

    def all(self) -> list[Script]:
        return list(self._scripts.values())

    def remove(self, script_id: str) -> bool:
        return self._scripts.pop(script_id, None) is not None

    def clear(self) -> None:
        self._scripts.clear()

    def play(self, order: Order, account_id: str) -> Script | None:
        """The script of a new order. One that has been played as often as it should be is gone."""
        script = next((one for one in self._scripts.values() if one.match.takes(order, account_id)), None)
        if script is None:
            return None
        script.played += 1
        if script.played == script.times:
            del self._scripts[script.id]
        return script
