"""Accounts that are kept in another currency than they are paid in."""

from decimal import Decimal

import pytest

from malipo_simulators.stripe.objects.ledger import Movement
from malipo_simulators.stripe.state.exchange import exchanged
from malipo_simulators.stripe.state.moved import Moved

EUROS = Moved(Movement.CHARGE, 10_000, "eur", fee=320)


def test_a_movement_is_made_of_the_payments_currency_by_the_rate_that_it_shows():
    found = exchanged(EUROS, "usd")
    assert (found.amount, found.fee, found.currency, found.rate) == (10_850, 347, "usd", Decimal("1.085000"))


@pytest.mark.parametrize("settles_in", [None, "eur"])
def test_what_needs_no_exchange_shows_no_rate(settles_in):
    assert exchanged(EUROS, settles_in) == EUROS


def test_a_refund_takes_what_its_part_had_brought():
    back = exchanged(Moved(Movement.REFUND, -10_000, "eur"), "usd")
    assert (back.amount, back.fee) == (-10_850, 0)
