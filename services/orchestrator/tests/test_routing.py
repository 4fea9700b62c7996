"""A payment goes to the first provider by name that takes it, among those that the merchant has."""

import pytest

from malipo.contracts.commands import CreatePayment, PaymentMethod
from malipo.money import Money
from orchestrator import routing

EVERY = ("acme", "bank", "mpesa", "paypal", "stripe")


def payment(method: str = "card", amount: int = 1250, currency: str = "USD", **changes) -> CreatePayment:
    base = {"payment_id": "pay_1", "merchant_id": "mer_1", "mode": "test", "capture": "automatic", "config_version": 1}
    base["configured"] = EVERY
    return CreatePayment(method=PaymentMethod(type=method), amount=Money(amount, currency), **base | changes)


@pytest.mark.parametrize(
    ("command", "provider"),
    [
        (payment(), "stripe"),
        (payment(amount=1255, currency="KWD"), None),
        (payment(provider="mpesa"), None),
        (payment("mpesa", 10_000, "KES"), "mpesa"),
        (payment("mpesa", 10_050, "KES"), None),
        (payment("mpesa", 10_000, "KES", capture="manual"), None),
        (payment("paypal", configured=("paypal",)), "paypal"),
        (payment("paypal", configured=("stripe",)), None),
        (payment("bank_transfer"), "bank"),
        (payment("bank_transfer", currency="EUR"), None),
        (payment("cash"), None),
    ],
)
def test_a_payment_goes_to_the_provider_that_takes_it(command, provider):
    assert routing.route(command) == provider


def test_of_two_that_take_it_the_first_by_name_gets_it_unless_another_is_named_or_alone_configured(monkeypatch):
    stripe = routing.METHODS["card"]["stripe"]
    monkeypatch.setattr(routing, "METHODS", {"card": {"acme": stripe, "stripe": stripe}})
    assert routing.route(payment()) == "acme"
    assert routing.route(payment(provider="stripe")) == "stripe"
    assert routing.route(payment(configured=("stripe",))) == "stripe"
