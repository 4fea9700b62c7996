"""What stands in for a running system in tests of the checks themselves."""

from types import SimpleNamespace
from typing import Any, override

from malipo.contracts.identity import charge_id
from malipo_local.bank import name_of


class Books:
    """A merchant of one payment, as both books have it: the status, what was captured, and Stripe's effects."""

    def __init__(self, status: str, captured: int, effects: str) -> None:
        amounts = {"amount": 5, "amount_captured": captured, "amount_refunded": 0, "amount_disputed": 0}
        payment = {"id": "pay_1", "status": status, "provider_reference": "pi_1", **amounts}
        self._page = {"data": [payment], "next_cursor": None}
        self._effects = [(kind, int(amount)) for kind, amount in (one.split(":") for one in effects.split())]

    @property
    def api(self) -> Any:
        """Itself: it answers every request with its one page of payments."""
        return self

    @property
    def paybill(self) -> Any:
        """Itself: nobody has paid by M-Pesa."""
        return self

    @property
    def paypal(self) -> Any:
        """Itself: nobody has paid by PayPal either."""
        return self

    @property
    def bank(self) -> Any:
        """Itself: nobody was paid by a bank."""
        return self

    def effects(self) -> list[Any]:
        """See `paybill`, `paypal` and `bank`."""
        return []

    def prompts(self, _: str) -> list[Any]:
        """See `paybill`."""
        return []

    def get(self, *_: object, **__: object) -> Any:
        """See `api`."""
        return self

    def raise_for_status(self) -> Any:
        """See `api`."""
        return self

    def json(self) -> dict[str, Any]:
        """See `api`."""
        return self._page

    def stripe_book(self) -> dict[str, Any]:
        """Stripe's."""
        about = {"malipo_payment_id": "pay_1"}
        return {"effects": [{"kind": kind, "amount": amount, "metadata": about} for kind, amount in self._effects]}


class BankBooks(Books):
    """The same of a merchant whose payment is a bank transfer with these effects."""

    def __init__(self, status: str, captured: int, effects: str) -> None:
        super().__init__(status, captured, "")
        pairs = (one.split(":") for one in effects.split())
        self._moved = [
            {"end_to_end_id": name_of("pay_1"), "kind": kind, "amount": int(amount)} for kind, amount in pairs
        ]

    @property
    @override
    def bank(self) -> Any:
        """Its account."""
        return SimpleNamespace(effects=lambda: self._moved)


class PaypalBooks(Books):
    """The same of a merchant whose payment is by PayPal, as an order of these effects."""

    def __init__(self, status: str, captured: int, effects: str) -> None:
        super().__init__(status, captured, "")
        named = {"order": "ORDER", "charge": charge_id("pay_1", 1)}
        pairs = (one.split(":") for one in effects.split())
        self._moved = [named | {"kind": kind, "amount": int(amount)} for kind, amount in pairs]

    @property
    @override
    def paypal(self) -> Any:
        """Its account."""
        return SimpleNamespace(effects=lambda: self._moved)
