"""After a database was restored to an earlier moment: what was requested before may have been granted, and is not refused."""

from datetime import timedelta

import pytest

from malipo import clock, ids
from malipo.contracts.commands import CapturePayment
from malipo.contracts.events import CommandRefused
from malipo.contracts.outcomes import Authorized
from malipo.contracts.provider_commands import Capture, Charge
from malipo.messaging.subscription import Received
from malipo.money import Money
from orchestrator.requests import Refused
from orchestrator.subscriptions import subscriptions

MINUTE = timedelta(minutes=1)


async def handle(orchestrator, restored_at, *messages) -> list:
    [subscription] = subscriptions(restored_at)
    batch = [Received(one, ids.new("msg"), "topic", one.payment_id) for one in messages]
    async with orchestrator.database.begin() as unit:
        await subscription.handle(unit, batch)
    return await orchestrator.sent()


async def test_a_payment_from_before_the_restore_goes_to_its_provider_although_its_time_is_over(orchestrator, make):
    late = make.create(payment_id=ids.new("pay", clock.now() - 2 * MINUTE), expires_at=clock.now() - MINUTE)
    transition, charge = await handle(orchestrator, clock.now(), late)
    assert transition.to_state == "processing"
    assert isinstance(charge, Charge)


async def test_a_payment_that_is_made_after_the_restore_expires_as_ever(orchestrator, make):
    late = make.create(expires_at=clock.now() - MINUTE)
    [transition] = await handle(orchestrator, clock.now() - MINUTE, late)
    assert (transition.to_state, transition.payment.failure.code) == ("failed", "expired")


async def test_a_capture_from_before_the_restore_waits_among_dead_letters_until_its_charge_is_known_again(
    orchestrator, make
):
    restored_at = clock.now() + MINUTE
    create = make.create(capture="manual")
    capture = CapturePayment(payment_id=create.payment_id, capture_id=ids.new("cap"))
    await handle(orchestrator, restored_at, create)
    with pytest.raises(Refused):  # which has it dead-lettered, alone
        await handle(orchestrator, restored_at, capture)
    held = make.report(create.payment_id, Authorized(amount=Money(1000, "USD"), reference="pi_1"))
    await handle(orchestrator, restored_at, held)
    sent = await handle(orchestrator, restored_at, capture)
    assert [one.operation_id for one in sent if isinstance(one, Capture)] == [capture.capture_id]


async def test_a_capture_that_is_requested_after_the_restore_is_refused_as_ever(orchestrator, make):
    create = make.create(capture="manual")
    await handle(orchestrator, clock.now(), create)
    capture = CapturePayment(payment_id=create.payment_id, capture_id=ids.new("cap"))
    [refusal] = await handle(orchestrator, clock.now() - MINUTE, capture)
    assert isinstance(refusal, CommandRefused)
