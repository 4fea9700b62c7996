"""Commands and outcomes against a real database."""

import asyncio

import pytest
from structlog.testing import capture_logs

from malipo import ids
from malipo.contracts.commands import CapturePayment, RefundPayment
from malipo.contracts.events import CommandRefused, PaymentTransitioned
from malipo.contracts.outcomes import ActionRequired, Authorized, Canceled, Declined, Redirect, Succeeded, Unknown
from malipo.contracts.provider_commands import Cancel, Capture, Charge, Query, Refund
from malipo.messaging.subscription import Received
from malipo.money import Money
from orchestrator import handlers, scheduler
from testkit.owning import as_owner

REF_1, REF_2, REF_3 = (ids.new("ref") for _ in range(3))
CAP_1, CAP_2, CAP_3 = (ids.new("cap") for _ in range(3))


def only(messages, kind):
    return [m for m in messages if isinstance(m, kind)]


async def test_a_new_payment_is_charged_and_completed_by_the_providers_outcome(orchestrator, make):
    create = make.create()
    [transition, charge] = await orchestrator.handle(create)
    assert isinstance(charge, Charge)
    assert charge.operation_id == f"{create.payment_id}.1"
    assert (transition.step, transition.payment.status, transition.public_event) == (1, "processing", None)
    [done] = await orchestrator.handle(make.paid(create.payment_id))
    assert done.payment.status == "completed"
    assert done.payment.amount_captured == 1000
    assert done.public_event.type == "payment.completed"
    assert (done.step, done.public_event.sequence) == (2, 1)


async def test_create_and_outcome_in_one_batch_are_both_applied(orchestrator, make):
    create = make.create()
    sent = await orchestrator.handle(create, make.paid(create.payment_id))
    assert [m.payment.status for m in only(sent, PaymentTransitioned)] == ["processing", "completed"]
    assert len(only(sent, Charge)) == 1
    assert (await orchestrator.payment(create.payment_id))["state"] == "completed"


async def test_many_payments_in_one_batch_keep_their_own_order(orchestrator, make):
    creates = [make.create() for _ in range(20)]
    sent = await orchestrator.handle(*creates, *[make.paid(c.payment_id) for c in creates])
    assert len(only(sent, PaymentTransitioned)) == 40
    for create in creates:
        steps = [m.step for m in only(sent, PaymentTransitioned) if m.payment_id == create.payment_id]
        assert steps == [1, 2]


async def test_a_payment_created_twice_under_two_message_ids_is_charged_once(orchestrator, make):
    create = make.create()
    sent = await orchestrator.handle(create, create) + await orchestrator.handle(create)
    assert len(only(sent, Charge)) == 1


async def test_one_batch_makes_changes_and_ends_payments_and_all_of_it_is_kept(orchestrator, make):
    old, waiting, new, ended = make.create(), make.create(), make.create(), make.create()
    await orchestrator.handle(old, make.paid(old.payment_id), waiting)
    await orchestrator.handle(
        new,
        RefundPayment(payment_id=old.payment_id, refund_id=REF_1, amount_minor=100),
        make.paid(waiting.payment_id),
        ended,
        make.report(ended.payment_id, Declined(code="x")),
    )
    payments = await orchestrator.database.reads.fetch("SELECT id, state, step FROM payments")
    assert {row["id"]: (row["state"], row["step"]) for row in payments} == {
        old.payment_id: ("completed", 3),
        waiting.payment_id: ("completed", 2),
        new.payment_id: ("processing", 1),
        ended.payment_id: ("failed", 2),
    }
    assert await orchestrator.database.reads.fetchval("SELECT count(*) FROM history") == 8
    [refund] = await orchestrator.database.reads.fetch("SELECT id, state, amount_minor FROM operations")
    assert tuple(refund.values()) == (REF_1, "processing", 100)
    timers = await orchestrator.database.reads.fetch("SELECT subject_id FROM timers")
    assert {row["subject_id"] for row in timers} == {new.payment_id, REF_1}


async def test_a_failed_refund_releases_its_reserve(orchestrator, make):
    create = make.create(1000)
    await orchestrator.handle(create, make.paid(create.payment_id))
    first = RefundPayment(payment_id=create.payment_id, refund_id=REF_1)
    second = RefundPayment(payment_id=create.payment_id, refund_id=REF_2, amount_minor=1000)
    assert only(await orchestrator.handle(first), Refund)[0].amount == Money(1000, "USD")
    assert only(await orchestrator.handle(second), CommandRefused)
    await orchestrator.handle(make.report(create.payment_id, Declined(code="x"), "refund", REF_1))
    third = RefundPayment(payment_id=create.payment_id, refund_id=REF_3, amount_minor=1000)
    assert only(await orchestrator.handle(third), Refund)


async def test_a_refund_that_the_bank_returns_later_fails_after_it_had_completed(orchestrator, make):
    create = make.create()
    await orchestrator.handle(create, make.paid(create.payment_id))
    await orchestrator.handle(RefundPayment(payment_id=create.payment_id, refund_id=REF_1))
    done = make.report(create.payment_id, Succeeded(amount=Money(1000, "USD"), reference="re"), "refund", REF_1)
    [completed] = await orchestrator.handle(done)
    assert completed.payment.amount_refunded == 1000
    returned = make.report(create.payment_id, Declined(code="lost_or_stolen_card"), "refund", REF_1)
    [failed] = await orchestrator.handle(returned)
    assert failed.public_event.type == "refund.failed"
    assert failed.payment.amount_refunded == 0


async def test_silence_is_doubt_and_the_provider_is_queried_until_it_answers(orchestrator, make):
    create = make.create()
    await orchestrator.handle(create)
    [transition, query] = await orchestrator.handle(make.report(create.payment_id, Unknown(reason="timeout")))
    assert isinstance(query, Query)
    assert transition.to_state == "in_doubt"
    assert transition.payment.status == "processing"
    assert transition.payment.status_reason == "awaiting_provider_confirmation"
    await orchestrator.handle(make.report(create.payment_id, Unknown(reason="still silent")))
    await orchestrator.database.write("UPDATE timers SET due_at = now()")
    await scheduler.tick(orchestrator.database)
    assert len(only(await orchestrator.sent(), Query)) == 1
    [done] = await orchestrator.handle(make.paid(create.payment_id))
    assert done.payment.status == "completed"
    assert done.payment.status_reason is None
    assert await orchestrator.database.reads.fetchval("SELECT count(*) FROM timers") == 0


async def test_a_provider_that_never_answers_leads_to_a_query(orchestrator, make):
    create = make.create()
    await orchestrator.handle(create)
    await orchestrator.database.write("UPDATE timers SET due_at = now()")
    await asyncio.gather(*[scheduler.tick(orchestrator.database) for _ in range(4)])  # replicas tick at once
    sent = await orchestrator.sent()
    assert len(only(sent, Query)) == 1
    assert only(sent, PaymentTransitioned)[0].to_state == "in_doubt"


async def test_a_customer_who_never_comes_back_has_the_payment_canceled(orchestrator, make):
    create = make.create()
    action = ActionRequired(action=Redirect("https://bank.test"), reference="pi_1")
    await orchestrator.handle(create, make.report(create.payment_id, action))
    await orchestrator.database.write("UPDATE payments SET expires_at = now()")
    await orchestrator.database.write("UPDATE timers SET due_at = now()")
    await scheduler.tick(orchestrator.database)
    [cancel] = only(await orchestrator.sent(), Cancel)
    sent = await orchestrator.handle(
        make.report(create.payment_id, Canceled(reference="pi_1"), "cancel", cancel.operation_id)
    )
    assert sent[-1].payment.status == "canceled"
    assert sent[-1].public_event.type == "payment.canceled"


async def test_a_customer_has_until_the_end_of_the_intent_however_old_the_payment_is(orchestrator, make):
    create = make.create()
    await orchestrator.handle(create)
    await orchestrator.database.write("UPDATE payments SET created_at = created_at - interval '2 hours'")
    await orchestrator.handle(
        make.report(create.payment_id, ActionRequired(action=Redirect("https://bank.test"), reference="pi_1"))
    )
    await orchestrator.database.write("UPDATE timers SET due_at = now()")
    await scheduler.tick(orchestrator.database)
    sent = await orchestrator.sent()
    assert only(sent, Query)
    assert not only(sent, Cancel)


async def test_a_partial_capture_completes_the_payment_with_what_was_captured(orchestrator, make):
    create = make.create(1000, capture="manual")
    authorized = make.report(create.payment_id, Authorized(amount=Money(1000, "USD"), reference="pi_1"))
    await orchestrator.handle(create, authorized)
    capture = CapturePayment(payment_id=create.payment_id, capture_id=CAP_1, amount_minor=400)
    [command] = only(await orchestrator.handle(capture), Capture)
    assert (command.amount, command.reference) == (Money(400, "USD"), "pi_1")
    captured = Succeeded(amount=Money(400, "USD"), reference="pi_1")
    callback_first = make.report(create.payment_id, captured)
    sent = await orchestrator.handle(callback_first, make.report(create.payment_id, captured, "capture", CAP_1))
    assert [m.to_state for m in sent] == ["completed", "completed"]
    assert sent[-1].payment.amount_captured == 400
    [refused] = await orchestrator.handle(
        RefundPayment(payment_id=create.payment_id, refund_id=REF_1, amount_minor=401)
    )
    assert refused.code == "refund_exceeds_captured"
    assert refused.detail == "400 of 400 (minor units of USD) can be refunded."


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (lambda p: CapturePayment(payment_id=p, capture_id=CAP_1), "payment_not_capturable"),
        (lambda p: RefundPayment(payment_id=p, refund_id=REF_1), "payment_not_refundable"),
    ],
)
async def test_a_payment_in_doubt_refuses_what_needs_to_know_whether_money_was_taken(orchestrator, make, command, code):
    create = make.create()
    await orchestrator.handle(create, make.report(create.payment_id, Unknown(reason="timeout")))
    [refused] = await orchestrator.handle(command(create.payment_id))
    assert refused.code == code


async def test_what_the_statement_is_to_show_goes_with_the_charge_and_its_capture_and_is_shown(orchestrator, make):
    create = make.create(1000, capture="manual", statement_descriptor="Shop 7")
    [charge] = only(await orchestrator.handle(create), Charge)
    await orchestrator.handle(make.report(create.payment_id, Authorized(amount=Money(1000, "USD"), reference="pi_1")))
    sent = await orchestrator.handle(CapturePayment(payment_id=create.payment_id, capture_id=CAP_1))
    [capture], [told, *_] = only(sent, Capture), only(sent, PaymentTransitioned)
    assert [one.statement_descriptor for one in (charge, capture, told.payment)] == ["Shop 7"] * 3


async def test_a_hold_without_a_provider_reference_is_not_captured(orchestrator, make):
    create = make.create(capture="manual")
    await orchestrator.handle(create, make.report(create.payment_id, Authorized(amount=Money(1000, "USD"))))
    [refused] = await orchestrator.handle(CapturePayment(payment_id=create.payment_id, capture_id=CAP_1))
    assert refused.code == "payment_not_capturable"
    assert refused.detail == (
        "The provider has not named the payment yet. Do this again, with a new key, when it has a provider_reference."
    )


async def test_a_refund_of_a_charge_that_the_provider_has_not_named_waits_until_it_has(orchestrator, make):
    create = make.create()
    await orchestrator.handle(create, make.report(create.payment_id, Succeeded(amount=Money(1000, "USD"))))
    sent = await orchestrator.handle(RefundPayment(payment_id=create.payment_id, refund_id=REF_1, amount_minor=400))
    [query] = [one for one in sent if isinstance(one, Query)]
    assert (query.kind, query.only_read, [one for one in sent if isinstance(one, Refund)]) == ("charge", True, [])
    answer = make.report(create.payment_id, Succeeded(amount=Money(1000, "USD"), reference="pi_1"))
    [refund] = [one for one in await orchestrator.handle(answer) if isinstance(one, Refund)]
    assert (refund.operation_id, refund.amount, refund.reference) == (REF_1, Money(400, "USD"), "pi_1")


async def test_a_capture_beyond_what_is_authorized_and_a_second_one_at_once_are_refused(orchestrator, make):
    create = make.create(1000, capture="manual")
    await orchestrator.handle(
        create, make.report(create.payment_id, Authorized(amount=Money(1000, "USD"), reference="pi"))
    )
    too_much = CapturePayment(payment_id=create.payment_id, capture_id=CAP_1, amount_minor=1001)
    [refused] = await orchestrator.handle(too_much)
    assert refused.code == "capture_exceeds_authorized"
    assert refused.detail == "1000 of 1000 (minor units of USD) can be captured."
    first = CapturePayment(payment_id=create.payment_id, capture_id=CAP_2)
    second = CapturePayment(payment_id=create.payment_id, capture_id=CAP_3)
    sent = await orchestrator.handle(first, second)
    assert len(only(sent, Capture)) == 1
    assert only(sent, CommandRefused)[0].code == "capture_in_progress"


async def test_a_provider_that_does_not_exist_fails_the_payment_before_anything_is_sent(orchestrator, make):
    sent = await orchestrator.handle(make.create(provider="acme"))
    assert [type(m) for m in sent] == [PaymentTransitioned]
    assert sent[0].payment.failure.code == "provider_unsupported"
    assert sent[0].public_event.type == "payment.failed"


async def test_each_step_is_in_the_history_with_its_cause(orchestrator, make):
    create = make.create()
    await orchestrator.handle(create, make.paid(create.payment_id))
    rows = await orchestrator.database.reads.fetch("SELECT * FROM history ORDER BY step")
    assert [(r["from_state"], r["to_state"], r["trigger"], r["source"]) for r in rows] == [
        ("initiated", "processing", "dispatched", "merchant"),
        ("processing", "completed", "succeeded", "attempt"),
    ]


async def test_a_postponed_attempt_changes_nothing_and_needs_no_payment(orchestrator, make):
    create = make.create()
    await orchestrator.handle(create)
    before = await orchestrator.payment(create.payment_id)
    assert await orchestrator.handle(make.postponed(create.payment_id), make.postponed("pay_nobody")) == []
    assert await orchestrator.payment(create.payment_id) == before


async def test_a_refusal_names_the_command_that_it_answers(orchestrator, make):
    create = make.create()
    await orchestrator.handle(create)
    command = CapturePayment(payment_id=create.payment_id, capture_id=CAP_1)
    async with orchestrator.database.begin() as unit:
        await handlers.handle_batch(unit, [Received(command, "msg_7", "topic", create.payment_id)])
    [refused] = await orchestrator.sent()
    assert (refused.command_id, refused.operation_id) == ("msg_7", CAP_1)


async def test_an_outcome_of_an_unknown_payment_is_an_error_that_dead_letters_it(orchestrator, make):
    with pytest.raises(handlers.UnknownPayment):
        await orchestrator.handle(make.paid("pay_nobody"))


async def test_an_older_replica_goes_on_when_a_newer_release_has_added_a_column(orchestrator, make):
    create = make.create()
    await orchestrator.handle(create)
    added = (f"ALTER TABLE {table} ADD COLUMN risk text" for table in ("payments", "operations"))
    await as_owner(orchestrator.database_url, *added)
    [done] = await orchestrator.handle(make.paid(create.payment_id))
    assert done.payment.status == "completed"


async def test_a_payment_whose_deadline_cannot_be_fired_stops_no_other(orchestrator, make):
    bad, good = make.create(), make.create()
    await orchestrator.handle(bad, good)
    await orchestrator.database.write(
        "UPDATE payments SET currency = 'XXX', traceparent = $2 WHERE id = $1",
        bad.payment_id,
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
    )
    await orchestrator.database.write("UPDATE timers SET due_at = now()")
    with capture_logs() as lines:
        await scheduler.tick(orchestrator.database)
    [line] = [line for line in lines if line["event"] == "deadline cannot be fired"]
    assert (line["payment_id"], line["client_ref"]) == (bad.payment_id, "order 7")
    assert line["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert [m.payment_id for m in only(await orchestrator.sent(), Query)] == [good.payment_id]
    still_due = await orchestrator.database.reads.fetchval("SELECT count(*) FROM timers WHERE due_at <= now()")
    assert still_due == 0


async def test_while_the_customer_is_away_the_provider_is_queried_less_and_less_often(orchestrator, make):
    create = make.create()
    still = ActionRequired(action=Redirect("https://bank.test"), reference="pi_1")
    await orchestrator.handle(create, make.report(create.payment_id, still))
    waits = []
    for _ in range(4):
        await orchestrator.database.write("UPDATE timers SET due_at = now()")
        await scheduler.tick(orchestrator.database)
        assert only(await orchestrator.sent(), Query)
        *_, last = await orchestrator.handle(make.report(create.payment_id, still))
        [timer] = await orchestrator.database.reads.fetch("SELECT due_at FROM timers")
        waits.append((timer["due_at"] - last.occurred_at).total_seconds())
    assert waits == [30, 60, 120, 240]


async def test_a_customer_who_never_comes_back_to_a_charge_without_reference_leads_to_a_query(orchestrator, make):
    create = make.create()
    await orchestrator.handle(
        create, make.report(create.payment_id, ActionRequired(action=Redirect("https://bank.test")))
    )
    await orchestrator.database.write("UPDATE payments SET expires_at = now()")
    await orchestrator.database.write("UPDATE timers SET due_at = now()")
    await scheduler.tick(orchestrator.database)
    assert only(await orchestrator.sent(), Query)


async def test_a_refund_moves_the_payments_own_date(orchestrator, make):
    create = make.create()
    [_, _, completed] = await orchestrator.handle(create, make.paid(create.payment_id))
    sent = await orchestrator.handle(RefundPayment(payment_id=create.payment_id, refund_id=REF_1))
    assert only(sent, PaymentTransitioned)[0].payment.updated_at > completed.payment.updated_at
