"""A payment keeps its method where that was asked, once; and another is made with it, by its merchant alone."""

import pytest
from saved_cards import KEPT, PAID, PLAIN, USD_10, VISA, paying_with, told

from malipo import ids
from malipo.contracts.commands import CapturePayment
from malipo.contracts.identity import saved_id
from malipo.contracts.message import encode
from malipo.contracts.outcomes import Authorized, Reversed
from malipo.contracts.provider_commands import Charge


@pytest.fixture
def saving(make):
    return make.create(save_method=True, customer_ref="customer-7")


async def test_its_charge_asks_for_it_and_that_it_is_kept_is_told_behind_the_payments_end(orchestrator, make, saving):
    [_, charge] = await orchestrator.handle(saving)
    assert (charge.save_method, charge.customer_ref) == (True, "customer-7")
    end, kept = await orchestrator.handle(make.report(saving.payment_id, PAID))
    assert (end.public_event.type, end.payment_method) == ("payment.completed", None)
    [(method, event)] = told([kept])
    assert (method.id, event) == (saved_id(saving.payment_id), "payment_method.saved")
    assert (method.customer_ref, method.card.last_four, method.provider, method.account) == (
        "customer-7",
        "4242",
        "stripe",
        "default",
    )
    assert kept.payment.payment_method == method.id
    assert [one.public_event.sequence for one in (end, kept)] == [1, 2]


async def test_nothing_that_is_told_has_the_providers_names_of_it(orchestrator, make, saving):
    await orchestrator.handle(saving)
    steps = await orchestrator.handle(make.report(saving.payment_id, PAID))
    assert not any(name in encode(step) for step in steps for name in (b"pm_at_stripe", b"cus_at_stripe"))


@pytest.mark.parametrize("later", [PAID, PLAIN], ids=["again", "without it"])
async def test_it_is_kept_once_however_often_it_is_reported(orchestrator, make, saving, later):
    await orchestrator.handle(saving)
    await orchestrator.handle(make.report(saving.payment_id, PAID))
    assert await orchestrator.handle(make.report(saving.payment_id, later, source="callback")) == []


async def test_a_report_that_comes_behind_the_end_brings_it(orchestrator, make, saving):
    await orchestrator.handle(saving)
    [end] = await orchestrator.handle(make.report(saving.payment_id, PLAIN, source="callback"))
    assert end.payment.payment_method is None
    assert len(told(await orchestrator.handle(make.report(saving.payment_id, PAID, source="query")))) == 1


async def test_a_hold_keeps_it_too_and_is_captured_as_ever(orchestrator, make):
    create = make.create(save_method=True, customer_ref="customer-7", capture="manual")
    await orchestrator.handle(create)
    held = Authorized(amount=USD_10, reference="pi_1", saved=VISA)
    assert len(told(await orchestrator.handle(make.report(create.payment_id, held)))) == 1
    capture = CapturePayment(payment_id=create.payment_id, capture_id=ids.new("cap"))
    await orchestrator.handle(capture)
    done = await orchestrator.handle(make.report(create.payment_id, PAID, "capture", capture.capture_id))
    assert ([one.to_state for one in done][-1], told(done)) == ("completed", [])


async def test_money_that_went_back_before_it_was_known_to_be_kept_takes_nothing_of_it(orchestrator, make, saving):
    await orchestrator.handle(saving)
    await orchestrator.handle(make.report(saving.payment_id, PLAIN))
    await orchestrator.handle(make.report(saving.payment_id, Reversed(code="lost", reference="pi_1")))
    [kept] = await orchestrator.handle(make.report(saving.payment_id, PAID, source="query"))
    assert (kept.from_state, kept.to_state, len(told([kept]))) == ("returned", "returned", 1)


async def test_what_was_not_to_be_kept_is_not(orchestrator, make):
    create = make.create(customer_ref="customer-7")
    [_, charge] = await orchestrator.handle(create)
    assert (charge.save_method, charge.customer_ref) == (False, None)
    assert told(await orchestrator.handle(make.report(create.payment_id, PAID))) == []


async def test_another_payment_is_made_with_it_under_the_providers_names(orchestrator, make, saving):
    await orchestrator.handle(saving, make.report(saving.payment_id, PAID))
    method_id = saved_id(saving.payment_id)
    step, charge = await orchestrator.handle(paying_with(make, method_id))
    assert isinstance(charge, Charge)
    assert charge.method.saved == KEPT
    assert step.payment.payment_method == method_id
    assert b"at_stripe" not in encode(step)


@pytest.mark.parametrize("other", [{"merchant_id": "mer_2"}, {"mode": "live"}], ids=["merchant", "mode"])
async def test_one_of_another_merchant_or_mode_is_not_there(orchestrator, make, saving, other):
    await orchestrator.handle(saving, make.report(saving.payment_id, PAID))
    [step] = await orchestrator.handle(paying_with(make, saved_id(saving.payment_id), **other))
    assert (step.to_state, step.payment.failure.code) == ("failed", "method_unavailable")
