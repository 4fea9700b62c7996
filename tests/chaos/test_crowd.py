"""What the crowd of customers notices."""

import asyncio
from typing import cast

import pytest

from chaos.customers import KINDS
from chaos.customers.customer import Customer
from chaos.load import Crowd
from malipo_local.merchant import DemoMerchant


class _Stack:
    def urls(self, _: str) -> list[str]:
        return ["http://gateway.example"]


class _Merchant:
    stack = _Stack()


def test_a_customer_whose_payment_fails_unexpectedly_is_a_surprise(monkeypatch: pytest.MonkeyPatch):
    async def fail(_: Customer, amount: int) -> None:
        raise KeyError(amount)

    monkeypatch.setitem(KINDS, "charge", fail)
    crowd = Crowd(cast("DemoMerchant", _Merchant()), rate=100, seed=1)
    printed: list[str] = []
    asyncio.run(crowd.come(0.03, patience_seconds=5, say=printed.append))
    assert printed == ["the load has ended; waiting until every customer has an answer ..."]
    assert crowd.ledger.surprises == [
        f"charge of {amount} ended in KeyError({amount})" for amount in (1001, 1002, 1003)
    ]
