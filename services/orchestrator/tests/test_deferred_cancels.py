"""A cancel that comes while the state of the charge is unknown is kept, and carried out as far as it still can be."""

import pytest

from malipo import ids
from malipo.contracts.commands import CancelPayment
from malipo.contracts.events import CommandRefused, PaymentTransitioned
from malipo.contracts.outcomes import (
    ActionRequired,
    Authorized,
    Canceled,
    Declined,
    Pending,
    Redirect,
    Unknown,
)
from malipo.contracts.provider_commands import Cancel, Withdraw
from malipo.money import Money
from orchestrator import scheduler

CAN_1, CAN_2 = (ids.new("can") for _ in range(2))
AUTHORIZED = Authorized(amount=Money(1000, "USD"), reference="pi_1")
ACTION_REQUIRED = ActionRequired(action=Redirect("https://bank.test"), reference="pi_1")
SILENCE = Unknown(reason="timeout")
CANCELED = Canceled(reference="pi_1")


def only(messages, kind):
    return [m for m in messages if isinstance(m, kind)]


def cancel(create, cancel_id: str = CAN_1) -> CancelPayment:
    return CancelPayment(payment_id=create.payment_id, cancel_id=cancel_id)


async def operation(orchestrator) -> tuple[str, str | None]:
    row = await orchestrator.database.reads.fetchrow("SELECT state, failure FROM operations WHERE id = $1", CAN_1)
    return row["state"], row["failure"] and row["failure"]["code"]


@pytest.mark.parametrize("before", [(), (SILENCE,)], ids=["processing", "in doubt"])
async def test_a_cancel_is_kept_and_the_charge_is_stopped_if_it_was_not_sent(orchestrator, make, before):
    create = make.create()
    await orchestrator.handle(create, *[make.report(create.payment_id, outcome) for outcome in before])
    transition, withdraw = await orchestrator.handle(cancel(create))
    assert (transition.operation.status, transition.to_state, transition.sent) == ("processing", "waiting", "withdraw")
    assert isinstance(withdraw, Withdraw)
    assert (withdraw.operation_id, withdraw.step) == (f"{create.payment_id}.1", transition.step)
    sent = await orchestrator.handle(make.report(create.payment_id, Canceled()))
    assert [(one.payment.status, one.operation and one.operation.status) for one in sent] == [
        ("canceled", None),
        ("canceled", "completed"),
    ]
    assert await orchestrator.database.reads.fetchval("SELECT count(*) FROM timers") == 0


@pytest.mark.parametrize("outcome", [AUTHORIZED, ACTION_REQUIRED], ids=["authorized", "requires action"])
async def test_a_charge_that_exists_later_is_canceled_then(orchestrator, make, outcome):
    create = make.create(capture="manual")
    await orchestrator.handle(create, cancel(create))
    sent = await orchestrator.handle(make.report(create.payment_id, outcome))
    [command] = only(sent, Cancel)
    assert (command.operation_id, command.reference) == (CAN_1, "pi_1")
    *_, last = await orchestrator.handle(make.report(create.payment_id, CANCELED, "cancel", CAN_1))
    assert last.payment.status == "canceled"
    assert await operation(orchestrator) == ("completed", None)


async def test_a_charge_that_was_made_meanwhile_makes_the_cancel_too_late(orchestrator, make):
    create = make.create()
    await orchestrator.handle(create, cancel(create))
    *_, last = await orchestrator.handle(make.paid(create.payment_id))
    assert (last.public_event.type, last.operation.failure.code) == ("cancel.failed", "cancel_too_late")
    assert last.operation.failure.message
    assert last.payment.status == "completed"


async def test_a_charge_that_is_declined_leaves_nothing_to_cancel(orchestrator, make):
    create = make.create()
    await orchestrator.handle(create, cancel(create))
    *_, last = await orchestrator.handle(make.report(create.payment_id, Declined(code="card_declined", message="No.")))
    assert (last.payment.status, last.payment.failure.code) == ("failed", "card_declined")
    assert (last.operation.status, last.operation.failure.code) == ("failed", "payment_failed")
    assert last.operation.failure.message


async def test_a_cancel_of_a_charge_without_a_reference_waits_for_it(orchestrator, make):
    create = make.create()
    await orchestrator.handle(
        create, make.report(create.payment_id, ActionRequired(action=Redirect("https://bank.test")))
    )
    assert not only(await orchestrator.handle(cancel(create)), Cancel)
    assert only(await orchestrator.handle(make.report(create.payment_id, ACTION_REQUIRED)), Cancel)


async def test_while_nothing_is_known_the_withdrawal_is_repeated_and_the_deferred_cancel_survives_doubts(
    orchestrator, make
):
    create = make.create()
    await orchestrator.handle(create, cancel(create))
    for _ in range(3):
        await orchestrator.database.write("UPDATE timers SET due_at = now() WHERE subject_id = $1", CAN_1)
        await scheduler.tick(orchestrator.database)
        assert len(only(await orchestrator.sent(), Withdraw)) == 1
        await orchestrator.handle(make.report(create.payment_id, SILENCE), make.report(create.payment_id, Pending()))
    assert await operation(orchestrator) == ("waiting", None)
    assert only(await orchestrator.handle(make.report(create.payment_id, AUTHORIZED)), Cancel)


async def test_a_second_cancel_meanwhile_is_refused_and_the_same_one_changes_nothing(orchestrator, make):
    create = make.create()
    await orchestrator.handle(create, cancel(create))
    assert {type(one) for one in await orchestrator.handle(cancel(create))} == {
        PaymentTransitioned
    }  # what was published, once more
    [refused] = await orchestrator.handle(cancel(create, CAN_2))
    assert isinstance(refused, CommandRefused)
    assert refused.code == "cancel_in_progress"


async def test_a_cancel_after_the_end_is_refused(orchestrator, make):
    create = make.create()
    await orchestrator.handle(create, make.paid(create.payment_id))
    [refused] = await orchestrator.handle(cancel(create))
    assert refused.code == "payment_not_cancelable"
    assert refused.detail == "The payment is completed. Its money is taken: refund it to give money back."


async def test_a_late_withdrawal_and_a_charge_that_was_sent_come_to_the_end_that_the_provider_reports(
    orchestrator, make
):
    create = make.create()
    await orchestrator.handle(create, cancel(create), make.paid(create.payment_id))
    late = await orchestrator.handle(make.report(create.payment_id, Declined(code="x"), "cancel", CAN_1))
    assert late == []
    assert (await orchestrator.payment(create.payment_id))["state"] == "completed"


async def test_the_payment_shows_that_a_cancel_is_under_way(orchestrator, make):
    create = make.create()
    sent = await orchestrator.handle(create, cancel(create))
    assert only(sent, PaymentTransitioned)[-1].payment.status_reason == "cancel_in_progress"
