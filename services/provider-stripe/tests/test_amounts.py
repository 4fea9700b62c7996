"""Which amounts may be asked for: the descriptor refuses what Stripe documents as impossible, and nothing that it takes."""

import pytest

from malipo.contracts.providers.stripe import DESCRIPTOR
from malipo.money import MAX_AMOUNT_MINOR
from malipo_simulators.stripe.errors import StripeError
from malipo_simulators.stripe.objects import money

RULES = DESCRIPTOR.methods[0].currencies


def is_taken(amount: int, currency: str) -> bool:
    """Whether the simulator takes it, which knows Stripe's rules of its own accord."""
    try:
        money.check_amount(amount, currency.lower())
    except StripeError:
        return False
    return True


@pytest.mark.parametrize("currency", sorted(RULES))
def test_the_greatest_amount_is_stripes_own_in_each_currency(currency):
    rule = RULES[currency]
    greatest = rule.most - rule.most % rule.step
    assert rule.takes(greatest)
    assert is_taken(greatest, currency)
    assert rule.most == MAX_AMOUNT_MINOR or not is_taken(rule.most + 1, currency)


@pytest.mark.parametrize("currency", sorted(RULES))
def test_nothing_that_stripe_may_take_is_refused_at_the_door(currency):
    rule = RULES[currency]
    floor = money.MINIMUM.get(currency.lower(), 1)
    for amount in (*range(floor, floor + 21), 99_999_990):
        assert rule.takes(amount) == is_taken(amount, currency)


def test_an_amount_below_the_minimum_of_its_currency_is_left_to_stripe_which_may_settle_in_another():
    assert RULES["USD"].takes(49)
    assert not is_taken(49, "USD")
