"""What is held longer than PayPal honours it is renewed, once, and by a query alone, against the simulated PayPal."""

from datetime import timedelta

import pytest
from paypal_account import PAYMENTS, USD_10

from malipo.contracts.outcomes import Authorized, Canceled, Succeeded
from malipo.money import Money
from provider_kit.provider import Ages
from provider_paypal import choosing

PAST_HONOUR = timedelta(days=3, minutes=1)
EXPIRED = Ages(PAST_HONOUR, timedelta())


@pytest.fixture(autouse=True)
def as_if_the_clock_here_went_with_paypals(paypal, monkeypatch):
    """The simulator's clock is moved by its control routes: what it has made is judged by that one."""
    renewal = choosing.renewal
    later = {"by": timedelta()}

    def judged_later(attempt, order, now, honoured):
        return renewal(attempt, order, now + later["by"], honoured)

    async def pass_by(**time: float) -> None:
        later["by"] += timedelta(**time)
        await paypal.control("clock", advance_seconds=int(timedelta(**time).total_seconds()))

    monkeypatch.setattr(choosing, "renewal", judged_later)
    paypal.pass_by = pass_by


async def kinds(paypal) -> list[str]:
    return [kind for kind, _ in await paypal.book()]


async def test_a_hold_is_renewed_once_when_it_is_not_honoured_any_more_and_not_before(paypal):
    one = await paypal.held()
    held = Authorized(amount=USD_10, reference=one.order)
    await paypal.pass_by(days=2)
    assert await paypal.query(one.confirm(), ages=EXPIRED) == held
    assert await kinds(paypal) == ["authorize"]
    await paypal.pass_by(days=1, minutes=1)
    for _ in range(2):
        assert await paypal.query(one.confirm(), ages=EXPIRED) == held
        await paypal.pass_by(days=4)
    assert await kinds(paypal) == ["authorize", "reauthorize"]


@pytest.mark.parametrize("fault", ["answer_lost", "error_before_effect", "rate_limited", "html_error"])
async def test_that_a_hold_could_not_be_renewed_or_nobody_knows_is_no_doubt_and_is_tried_again(paypal, fault):
    one = await paypal.held()
    await paypal.pass_by(days=3, minutes=1)
    paypal.wait_at_most(1)
    await paypal.fault(fault, path=PAYMENTS)
    for _ in range(2):
        assert await paypal.query(one.confirm(), ages=EXPIRED) == Authorized(amount=USD_10, reference=one.order)
    assert await kinds(paypal) == ["authorize", "reauthorize"]


async def test_what_was_renewed_is_captured_by_its_new_name_and_voided_by_its_first(paypal):
    one, other = await paypal.held(), await paypal.held()
    await paypal.pass_by(days=3, minutes=1)
    for each in (one, other):
        await paypal.query(each.confirm(), ages=EXPIRED)
    part = one.part("capture", 600)
    assert await paypal.execute(part) == Succeeded(amount=Money(600, "USD"), reference=one.order)
    first, second = [made["id"] for made in (await paypal.payments(one))["authorizations"]]
    assert (paypal.known[part.operation_id].get("authorization"), first != second) == (second, True)
    assert await paypal.query(one.confirm(), ages=EXPIRED) == Succeeded(amount=Money(600, "USD"), reference=one.order)
    assert await paypal.execute(other.part("cancel")) == Canceled(reference=other.order)


async def test_nothing_is_renewed_in_another_account_or_of_what_is_captured(paypal):
    one = await paypal.held()
    await paypal.execute(one.part("capture", 300, final=False))
    await paypal.pass_by(days=3, minutes=1)
    await paypal.query(one.confirm(), ages=EXPIRED)
    other = await paypal.held()
    await paypal.pass_by(days=3, minutes=1)
    await paypal.query(other.confirm(), ages=EXPIRED, same_account=False)
    assert "reauthorize" not in await kinds(paypal)
