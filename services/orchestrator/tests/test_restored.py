"""After a database was restored to an earlier moment: what was requested before may have been granted, and is not refused."""

from datetime import timedelta

import pytest
from saved_cards import KEPT, PAID, paying_with

from malipo import clock, ids
from malipo.contracts.commands import CapturePayment, DetachMethod
from malipo.contracts.events import CommandRefused
from malipo.contracts.identity import saved_id
from malipo.contracts.outcomes import ActionRequired, Approved, Authorized, Declined, Redirect, Succeeded
from malipo.contracts.provider_commands import Cancel, Capture, Charge, Confirm, Query, Refund
from malipo.messaging.subscription import Received
from malipo.money import Money
from orchestrator import scheduler
from orchestrator.handlers import UnknownMethod
from orchestrator.requests import Refused
from orchestrator.subscriptions import subscriptions

MINUTE = timedelta(minutes=1)
ACT = ActionRequired(action=Redirect("https://bank.test"), reference="pi_1")
HELD = Authorized(amount=Money(1000, "USD"), reference="pi_1")


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


async def test_a_charge_of_a_card_that_is_not_known_again_yet_waits_among_dead_letters_for_it_was_perhaps_paid(
    orchestrator, make
):
    restored_at = clock.now() + MINUTE
    saving = make.create(save_method=True, customer_ref="customer-7")
    charge = paying_with(make, saved_id(saving.payment_id))
    await handle(orchestrator, restored_at, saving)
    with pytest.raises(UnknownMethod):  # which has it dead-lettered, alone
        await handle(orchestrator, restored_at, charge)
    await handle(orchestrator, restored_at, make.report(saving.payment_id, PAID))
    [sent] = only(await handle(orchestrator, restored_at, charge), Charge)
    assert sent.method.saved == KEPT


async def test_a_charge_from_before_the_restore_of_a_card_that_was_detached_later_goes_to_its_provider(
    orchestrator, make
):
    restored_at = clock.now() + MINUTE
    saving = make.create(save_method=True, customer_ref="customer-7")
    await handle(orchestrator, restored_at, saving, make.report(saving.payment_id, PAID))
    detach = DetachMethod(payment_id=saving.payment_id, detach_id=ids.new("det"))
    await handle(orchestrator, restored_at, detach)
    charge = paying_with(make, saved_id(saving.payment_id))
    [sent] = only(await handle(orchestrator, restored_at, charge), Charge)
    assert sent.method.saved == KEPT
    [later] = await handle(orchestrator, clock.now() - MINUTE, paying_with(make, saved_id(saving.payment_id)))
    assert later.payment.failure.code == "method_unavailable"


async def test_a_capture_that_is_requested_after_the_restore_is_refused_as_ever(orchestrator, make):
    create = make.create(capture="manual")
    await handle(orchestrator, clock.now(), create)
    capture = CapturePayment(payment_id=create.payment_id, capture_id=ids.new("cap"))
    [refusal] = await handle(orchestrator, clock.now() - MINUTE, capture)
    assert isinstance(refusal, CommandRefused)


def only(messages, kind) -> list:
    return [one for one in messages if isinstance(one, kind)]


async def tick(orchestrator, restored_at) -> list:
    await orchestrator.database.write("UPDATE timers SET due_at = now()")
    await scheduler.tick(orchestrator.database, restored_at)
    return await orchestrator.sent()


async def expired_in_the_downtime(orchestrator, make):
    """A payment whose customer was to act when the moment was that is restored; his time is over when the orchestrator starts."""
    create = make.create(payment_id=ids.new("pay", clock.now() - 5 * MINUTE), capture="manual")
    await orchestrator.handle(create, make.report(create.payment_id, ACT, observed_at=clock.now() - 4 * MINUTE))
    await orchestrator.database.write(
        "UPDATE payments SET expires_at = now(), updated_at = now() - interval '2 minutes'"
    )
    return create


async def test_a_hold_of_the_lost_minutes_is_not_released_because_its_time_was_over_before_that_was_read_again(
    orchestrator, make
):
    create, restored_at = await expired_in_the_downtime(orchestrator, make), clock.now() - MINUTE
    for _ in range(2):  # whatever comes first, and however long it takes
        sent = await tick(orchestrator, restored_at)
        assert (only(sent, Cancel), len(only(sent, Query))) == ([], 1)
    told = make.report(create.payment_id, HELD, observed_at=clock.now() - 3 * MINUTE)
    [transition] = await handle(orchestrator, restored_at, told)
    assert transition.public_event.type == "payment.authorized"
    assert only(await tick(orchestrator, restored_at), Cancel) == []


async def test_what_is_read_again_does_not_answer_what_was_asked_since(orchestrator, make):
    create, restored_at = await expired_in_the_downtime(orchestrator, make), clock.now() - MINUTE
    [query] = only(await tick(orchestrator, restored_at), Query)
    old = make.report(create.payment_id, ACT, source="query", step=query.step, observed_at=clock.now() - 3 * MINUTE)
    await handle(orchestrator, restored_at, old)
    assert only(await tick(orchestrator, restored_at), Cancel) == []


async def test_a_customer_who_has_not_agreed_as_the_provider_tells_after_the_restore_cannot_pay_any_more(
    orchestrator, make
):
    create, restored_at = await expired_in_the_downtime(orchestrator, make), clock.now() - MINUTE
    [query] = only(await tick(orchestrator, restored_at), Query)
    await handle(orchestrator, restored_at, make.report(create.payment_id, ACT, source="query", step=query.step))
    assert len(only(await tick(orchestrator, restored_at), Cancel)) == 1


async def test_an_approval_that_is_read_again_was_in_time_if_it_was_when_it_came(orchestrator, make):
    create, restored_at = await expired_in_the_downtime(orchestrator, make), clock.now() - MINUTE
    approved = make.report(create.payment_id, Approved(reference="pi_1"), observed_at=clock.now() - 3 * MINUTE)
    sent = await handle(orchestrator, restored_at, approved)
    assert (len(only(sent, Confirm)), only(sent, Cancel)) == (1, [])


@pytest.mark.parametrize(
    "outcome", [Succeeded(amount=Money(1000, "USD"), reference="pi_1"), HELD], ids=["refund", "cancel"]
)
async def test_what_malipo_itself_begins_has_the_same_id_when_it_is_decided_anew(orchestrator, make, outcome):
    create = make.create(late_payments="refund", capture="manual" if outcome is HELD else "automatic")
    began = []
    for _ in range(2):
        sent = await orchestrator.handle(
            create,
            make.report(create.payment_id, Declined(code="no", message="No.")),
            make.report(create.payment_id, outcome),
        )
        began += [one.operation_id for one in sent if isinstance(one, Refund | Cancel)]
        for table in ("timers", "history", "operations", "payments"):
            await orchestrator.database.write(f"DELETE FROM {table}")
    first, again = began
    assert first == again
