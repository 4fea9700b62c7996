"""An intent ends at its `expires_at`, by PostgreSQL's clock and by no other."""

from datetime import timedelta

import pytest

from malipo import clock
from malipo.contracts.events import PaymentTransitioned
from malipo.contracts.outcomes import ActionRequired, Authorized, Canceled, Declined, OtherAction, Redirect, Unknown
from malipo.contracts.provider_commands import Cancel, Charge, Query
from malipo.money import Money
from orchestrator import scheduler
from testkit.clocks import put_wrong

ACTION_REQUIRED = ActionRequired(action=Redirect("https://bank.test"), reference="pi_1")
HOUR = timedelta(hours=1)


def only(messages, kind):
    return [m for m in messages if isinstance(m, kind)]


async def tick(orchestrator) -> list:
    await orchestrator.database.write("UPDATE timers SET due_at = now()")
    await scheduler.tick(orchestrator.database)
    return await orchestrator.sent()


async def end_intents(orchestrator) -> None:
    await orchestrator.database.write("UPDATE payments SET expires_at = now()")


async def seconds_left(orchestrator, payment_id: str) -> float:
    statement = "SELECT extract(epoch FROM due_at - now())::float8 FROM timers WHERE subject_id = $1"
    return await orchestrator.database.reads.fetchval(statement, payment_id)


@pytest.fixture(params=[-HOUR, HOUR], ids=["an hour behind", "an hour ahead"])
def wrong_clock(request, monkeypatch):
    put_wrong(monkeypatch, request.param)


async def test_a_payment_that_was_two_hours_under_way_to_the_orchestrator_is_not_charged_any_more(orchestrator, make):
    late = make.create(expires_at=clock.now() - 2 * HOUR)
    [transition] = await orchestrator.handle(late)
    assert (transition.to_state, transition.cause.trigger, transition.public_event.type) == (
        "failed",
        "expired",
        "payment.failed",
    )
    assert transition.payment.failure.code == "expired"
    assert transition.payment.failure.message
    assert await orchestrator.database.reads.fetchval("SELECT count(*) FROM timers") == 0


async def test_a_charge_carries_the_end_of_its_intent_and_the_merchant_sees_it(orchestrator, make):
    create = make.create(expires_at=clock.now() + HOUR)
    transition, charge = await orchestrator.handle(create)
    assert isinstance(charge, Charge)
    assert charge.expires_at == transition.payment.expires_at == create.expires_at


async def test_a_payment_without_an_expiry_expires_after_a_quarter_of_an_hour(orchestrator, make):
    transition, charge = await orchestrator.handle(make.create())
    assert charge.expires_at - transition.occurred_at == timedelta(minutes=15)


async def test_the_charge_is_canceled_at_the_very_end_of_the_intent_if_the_customer_has_not_acted(orchestrator, make):
    create = make.create(expires_at=clock.now() + timedelta(seconds=5))
    await orchestrator.handle(create, make.report(create.payment_id, ACTION_REQUIRED))
    assert await seconds_left(orchestrator, create.payment_id) < 6
    await end_intents(orchestrator)
    [cancel] = only(await tick(orchestrator), Cancel)
    *_, last = await orchestrator.handle(
        make.report(create.payment_id, Canceled(reference="pi_1"), "cancel", cancel.operation_id)
    )
    assert (last.payment.status, last.public_event.type) == ("canceled", "payment.canceled")


async def test_a_customer_who_is_asked_after_the_end_cannot_pay_any_more(orchestrator, make):
    create = make.create()
    await orchestrator.handle(create, make.report(create.payment_id, Unknown(reason="timeout")))
    await end_intents(orchestrator)
    await orchestrator.handle(make.report(create.payment_id, ACTION_REQUIRED))
    assert await seconds_left(orchestrator, create.payment_id) <= 0
    await scheduler.tick(orchestrator.database)
    assert only(await orchestrator.sent(), Cancel)


async def test_while_the_cancel_of_an_expired_charge_is_under_way_its_deadlines_grow_longer(orchestrator, make):
    create = make.create()
    await orchestrator.handle(create, make.report(create.payment_id, ACTION_REQUIRED))
    await end_intents(orchestrator)
    sent, waits = [], []
    for _ in range(4):
        sent += await tick(orchestrator)
        waits.append(round(await seconds_left(orchestrator, create.payment_id)))
    assert len({command.operation_id for command in only(sent, Cancel)}) == 1
    assert waits == sorted(waits)
    assert waits[-1] > 3 * waits[0]


async def test_an_expired_charge_whose_cancel_is_refused_is_canceled_ever_less_often_and_nothing_of_it_is_published(
    orchestrator, make
):
    create = make.create()
    await orchestrator.handle(create, make.report(create.payment_id, ACTION_REQUIRED))
    await end_intents(orchestrator)
    waits, sent = [], []
    for _ in range(6):
        sent += await tick(orchestrator)
        waits.append(round(await seconds_left(orchestrator, create.payment_id)))
        [*_, cancel] = only(sent, Cancel)
        refused = Declined(code="payment_intent_unexpected_state")
        sent += await orchestrator.handle(make.report(create.payment_id, refused, "cancel", cancel.operation_id))
    transitions = only(sent, PaymentTransitioned)
    assert not [transition.public_event for transition in transitions if transition.public_event]
    assert {transition.operation.reason for transition in transitions if transition.operation} == {"expired"}
    assert waits == sorted(waits)
    assert waits[-1] > 20 * waits[0]


async def test_a_hold_that_was_made_in_time_outlives_its_intent(orchestrator, make):
    create = make.create(capture="manual")
    held = Authorized(amount=Money(1000, "USD"), reference="pi_1")
    await orchestrator.handle(create, make.report(create.payment_id, held))
    await end_intents(orchestrator)
    sent = await tick(orchestrator)
    assert [type(one) for one in sent] == [PaymentTransitioned, Query]


async def test_what_the_provider_service_did_not_send_in_time_has_failed_with_a_text(orchestrator, make):
    create = make.create()
    *_, transition = await orchestrator.handle(create, make.report(create.payment_id, Declined(code="expired")))
    assert (transition.payment.failure.code, bool(transition.payment.failure.message)) == ("expired", True)


async def test_an_action_that_cannot_be_shown_is_published_as_such_and_ends_like_any_other(orchestrator, make):
    create = make.create()
    action = OtherAction("use_stripe_sdk")
    *_, transition = await orchestrator.handle(
        create, make.report(create.payment_id, ActionRequired(action=action, reference="pi_1"))
    )
    assert (transition.payment.status, transition.payment.action) == ("requires_action", action)
    await end_intents(orchestrator)
    assert only(await tick(orchestrator), Cancel)


@pytest.mark.usefixtures("wrong_clock")
async def test_a_process_whose_clock_is_wrong_expires_nothing_and_queries_nothing(orchestrator, make):
    acting, held, silent = make.create(), make.create(capture="manual"), make.create()
    await orchestrator.handle(acting, make.report(acting.payment_id, ACTION_REQUIRED))
    await orchestrator.handle(
        held, make.report(held.payment_id, Authorized(amount=Money(1000, "USD"), reference="pi_2")), silent
    )
    for create, at_least, at_most in ((acting, 10, 15), (silent, 50, 60), (held, 23 * 3600, 24 * 3600)):
        assert at_least < await seconds_left(orchestrator, create.payment_id) <= at_most
    await scheduler.tick(orchestrator.database)
    assert await orchestrator.sent() == []


async def test_what_was_begun_by_a_right_clock_is_not_expired_by_a_wrong_one(orchestrator, make, monkeypatch):
    create = make.create()
    await orchestrator.handle(create, make.report(create.payment_id, ACTION_REQUIRED))
    monkeypatch.setattr(clock, "now", lambda: clock.datetime.now(clock.UTC) + HOUR)
    sent = await tick(orchestrator)
    assert only(sent, Query)
    assert not only(sent, Cancel)


@pytest.mark.usefixtures("wrong_clock")
async def test_what_a_wrong_clock_writes_is_of_postgresqls_time(orchestrator, make):
    create = make.create()
    transitions = only(
        await orchestrator.handle(create, make.report(create.payment_id, Unknown(reason="timeout"))),
        PaymentTransitioned,
    )
    now = await orchestrator.database.reads.fetchval("SELECT now()")
    row = await orchestrator.payment(create.payment_id)
    for moment in (*(transition.occurred_at for transition in transitions), row["in_doubt_since"], row["updated_at"]):
        assert abs((now - moment).total_seconds()) < 60
