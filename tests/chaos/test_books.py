"""What the census sees when Malipo's book and Stripe's are laid side by side."""

from typing import Any, cast

import pytest

from malipo_local.demo import books
from malipo_local.shop import Shop


class _Books:
    """A shop of one payment, as both sides wrote it down: the status, what was captured, and Stripe's effects."""

    def __init__(self, status: str, captured: int, effects: str) -> None:
        payment = {"id": "pay_1", "status": status, "amount": 5, "amount_captured": captured, "amount_refunded": 0}
        self._page = {"data": [payment], "next_cursor": None}
        self._effects = [(kind, int(amount)) for kind, amount in (one.split(":") for one in effects.split())]

    @property
    def api(self) -> Any:
        return self

    def get(self, *_: object, **__: object) -> Any:
        return self

    def raise_for_status(self) -> Any:
        return self

    def json(self) -> dict[str, Any]:
        return self._page

    def book(self) -> dict[str, Any]:
        about = {"malipo_payment_id": "pay_1"}
        return {"effects": [{"kind": kind, "amount": amount, "metadata": about} for kind, amount in self._effects]}


@pytest.mark.parametrize(
    ("status", "captured", "effects"),
    [
        ("completed", 5, "charge:5"),
        ("completed", 5, "authorize:5 capture:5"),
        ("completed", 3, "authorize:5 capture:3 release:2"),
        ("canceled", 0, "authorize:5 release:5"),
        ("authorized", 0, "authorize:5"),
    ],
)
def test_books_agree_when_what_was_authorized_is_captured_released_or_held(status: str, captured: int, effects: str):
    shop = cast("Shop", _Books(status, captured, effects))
    assert (books.differences(shop), books.double_charges(shop)) == ([], [])


@pytest.mark.parametrize("effects", ["authorize:5 capture:3", "authorize:5 capture:3 release:1"])
def test_books_differ_when_stripe_still_holds_what_nobody_wants(effects: str):
    assert len(books.differences(cast("Shop", _Books("completed", 3, effects)))) == 1


@pytest.mark.parametrize(
    "effects", ["authorize:5 authorize:5 capture:5 release:5", "charge:5 charge:5", "authorize:5 charge:5 release:5"]
)
def test_a_second_authorization_is_a_second_charge_even_if_it_is_released(effects: str):
    assert books.double_charges(cast("Shop", _Books("completed", 5, effects))) == ["pay_1"]
