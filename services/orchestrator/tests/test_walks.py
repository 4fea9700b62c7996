"""Walks of one payment, step by step: what each leads to."""

from datetime import timedelta

import pytest
from walking import AMOUNT, NUMBERED, PAY, USD, Walk

from malipo.contracts.events import PaymentTransitioned
from malipo.contracts.outcomes import (
    ActionRequired,
    Approval,
    Approved,
    Authorized,
    Canceled,
    Declined,
    Pending,
    Reversed,
    Succeeded,
    Unknown,
)
from malipo.contracts.provider_commands import (
    Cancel,
    Confirm,
    OpenedOperation,
    Query,
    Refund,
    Withdraw,
)
from malipo.money import Money
from orchestrator.states import State, Trigger


def test_another_amount_after_the_end_is_recorded_as_a_contradiction():
    walk = Walk(manual=False)
    walk.step(("charge", Succeeded(amount=Money(400, USD), reference="pi")))
    walk.step(("charge", Succeeded(amount=Money(AMOUNT, USD), reference="pi")))
    assert walk.payment.captured_minor == 400
    assert walk.of(PaymentTransitioned)[-1].contradiction


def test_money_in_another_currency_is_doubt():
    walk = Walk(manual=False)
    walk.step(("charge", Succeeded(amount=Money(AMOUNT, "JPY"), reference="pi")))
    assert walk.payment.state is State.IN_DOUBT


def test_money_that_comes_after_the_end_corrects_it_and_is_told():
    walk = Walk(manual=False)
    walk.step(("charge", Declined(code="card_declined")))
    walk.step(("charge", Succeeded(amount=Money(AMOUNT, USD), reference="pi")))
    assert (walk.payment.state, walk.payment.captured_minor, walk.payment.failure) == (State.COMPLETED, AMOUNT, None)
    last = walk.of(PaymentTransitioned)[-1]
    assert (last.contradiction, last.public_event.type) == (False, "payment.corrected")
    assert walk.of(Refund) == []


def test_late_money_is_given_back_once_where_the_merchant_wants_that():
    walk = Walk(manual=False, late="refund")
    walk.step(("charge", Declined(code="card_declined")))
    for _ in range(2):
        walk.step(("charge", Succeeded(amount=Money(AMOUNT, USD), reference="pi")))
    [refund] = walk.of(Refund)
    assert (refund.amount, refund.reference, refund.reason) == (Money(AMOUNT, USD), "pi", "late_payment")
    [view] = [one.operation for one in walk.of(PaymentTransitioned) if one.operation]
    assert view.opened_by == "malipo"


def test_late_money_without_a_name_at_the_provider_is_given_back_once_the_provider_has_named_it():
    walk = Walk(manual=False, late="refund")
    walk.step(("charge", Declined(code="card_declined")))
    walk.step(("charge", Succeeded(amount=Money(AMOUNT, USD))))
    assert (walk.payment.state, walk.of(Refund)) == (State.COMPLETED, [])
    [query] = walk.of(Query)
    assert (query.operation_id, query.kind, query.only_read) == (f"{PAY}.1", "charge", True)
    walk.step(("overdue", timedelta(hours=1)))
    assert len(walk.of(Query)) == 2
    walk.step(("charge", Succeeded(amount=Money(AMOUNT, USD), reference="pi")))
    [refund] = walk.of(Refund)
    assert (refund.amount, refund.reference, refund.reason) == (Money(AMOUNT, USD), "pi", "late_payment")
    assert not [one for one in walk.of(PaymentTransitioned) if one.contradiction]


def test_late_money_without_a_name_that_went_back_is_not_given_back():
    walk = Walk(manual=False, late="refund")
    walk.step(("charge", Declined(code="card_declined")))
    walk.step(("charge", Succeeded(amount=Money(AMOUNT, USD))))
    walk.step(("charge", Reversed(code="account_closed", reference="pi")))
    [refund] = walk.payment.operations.values()
    assert (refund.state, refund.failure.code, walk.of(Refund)) == (State.FAILED, "payment_returned", [])


@pytest.mark.parametrize("end", [Declined(code="card_declined"), Canceled()])
def test_money_that_is_held_after_the_end_is_released_once_and_no_merchant_is_told_of_it(end):
    walk = Walk(manual=True)
    held = Authorized(amount=Money(AMOUNT, USD), reference="pi")
    walk.step(("charge", end))
    told = len([one for one in walk.of(PaymentTransitioned) if one.public_event])
    walk.step(("charge", held))
    walk.step(("charge", held))
    [cancel] = walk.of(Cancel)
    [release] = walk.payment.operations.values()
    assert (cancel.operation_id, cancel.reference, release.opened_by) == (release.id, "pi", "malipo")
    ended = walk.payment.state
    assert ended in (State.FAILED, State.CANCELED)
    assert walk.of(PaymentTransitioned)[-1].payment.status_reason is None
    walk.step(("own", Canceled(reference="pi")))
    walk.step(("charge", held))  # late
    assert (release.state, walk.payment.state, len(walk.of(Cancel))) == (State.COMPLETED, ended, 1)
    assert len([one for one in walk.of(PaymentTransitioned) if one.public_event]) == told


def test_a_hold_after_the_end_that_cannot_be_released_is_told_and_alerted():
    walk = Walk(manual=True)
    held = Authorized(amount=Money(AMOUNT, USD), reference="pi")
    walk.step(("charge", Declined(code="card_declined")))
    walk.step(("charge", held))
    walk.step(("own", held))
    *_, failed, contradiction = walk.of(PaymentTransitioned)
    assert (failed.public_event.type, failed.operation.opened_by) == ("cancel.failed", "malipo")
    assert (contradiction.contradiction, len(walk.of(Cancel))) == (True, 1)


def test_money_that_was_taken_of_a_hold_after_the_end_corrects_it():
    walk = Walk(manual=True)
    walk.step(("charge", Declined(code="card_declined")))
    walk.step(("charge", Authorized(amount=Money(AMOUNT, USD), reference="pi")))
    walk.step(("own", Succeeded(amount=Money(AMOUNT, USD), reference="pi")))
    assert (walk.payment.state, walk.payment.captured_minor) == (State.COMPLETED, AMOUNT)


def test_what_is_pending_for_five_days_makes_few_steps_and_no_noise():
    walk = Walk(manual=False)
    walk.step(("charge", Succeeded(amount=Money(AMOUNT, USD), reference="pi")))
    walk.step(("request refund", "1", None))
    before, end = len(walk.of(PaymentTransitioned)), walk.now + timedelta(days=5)
    walk.step(("refund", "1", Pending(reference="re_1")))
    while (due := walk.payment.timers[NUMBERED["refund1"]]) < end:
        walk.now = due
        walk.overdue()
        walk.step(("refund", "1", Pending(reference="re_1")))
        walk.step(("refund", "1", Unknown(reason="silence")))
    walk.step(("refund", "1", Succeeded(amount=Money(AMOUNT, USD), reference="re_1")))
    steps = walk.of(PaymentTransitioned)[before:]
    assert len(steps) <= 20
    assert [one.public_event.type for one in steps if one.public_event] == ["refund.completed"]
    assert "in_doubt" not in {one.to_state for one in steps}


def test_a_customer_who_agrees_has_the_charge_confirmed_once_and_anew_only_after_acting_anew():
    walk = Walk(manual=False)
    to_approve = ActionRequired(action=Approval("https://pay.test"), reference="pi")
    for outcome in (to_approve, Approved(reference="pi"), Approved(reference="pi"), to_approve):
        walk.step(("charge", outcome))
    assert [one.operation_id for one in walk.of(Confirm)] == [f"{PAY}.1.c1"]
    walk.now += timedelta(minutes=1)
    walk.overdue()
    assert [(one.kind, one.operation_id) for one in walk.of(Query)] == [("confirm", f"{PAY}.1.c1")]
    assert [one.operation_id for one in walk.repeated] == [f"{PAY}.1.c1"]
    walk.step(("confirm", 1, to_approve))
    walk.step(("charge", Approved(reference="pi")))
    assert [one.operation_id for one in walk.of(Confirm)] == [f"{PAY}.1.c1", f"{PAY}.1.c2"]


def test_a_cancel_stops_a_confirm_that_was_not_sent_yet():
    walk = Walk(manual=False)
    walk.step(("charge", Approved(reference="pi")))
    walk.step(("request cancel", "1"))
    [withdraw] = walk.of(Withdraw)
    assert (withdraw.operation_id, withdraw.kind) == (f"{PAY}.1.c1", "confirm")
    walk.step(("confirm", 1, Canceled()))
    assert walk.payment.state is State.CANCELED
    assert walk.payment.operations[NUMBERED["cancel1"]].state is State.COMPLETED
    walk.step(("charge", Approved(reference="pi")))
    assert len(walk.of(Confirm)) == 1


def test_a_customer_who_agrees_too_late_is_not_charged():
    walk = Walk(manual=False)
    walk.step(("charge", ActionRequired(action=Approval("https://pay.test"), reference="pi")))
    walk.now = walk.payment.expires_at
    walk.step(("charge", Approved(reference="pi")))
    assert walk.of(Confirm) == []
    assert len(walk.of(Cancel)) == 1


def test_a_refund_that_was_made_at_the_provider_is_told_counted_and_one_however_often_it_is_reported():
    walk = Walk(manual=False)
    walk.step(("charge", Succeeded(amount=Money(AMOUNT, USD), reference="pi")))
    done = Succeeded(amount=Money(400, USD), reference="re_1")
    for outcome in (Pending(reference="re_1"), done, done):
        walk.step(("opened", "1", 400, outcome))
    told = [one.public_event.type for one in walk.of(PaymentTransitioned) if one.operation and one.public_event]
    assert told == ["refund.opened", "refund.completed"]
    assert (walk.payment.refunded_minor, walk.payment.refundable_minor) == (400, AMOUNT - 400)
    assert walk.of(Refund) == []


def test_more_may_be_refunded_at_the_provider_than_is_left():
    walk = Walk(manual=False)
    walk.step(("charge", Succeeded(amount=Money(AMOUNT, USD), reference="pi")))
    for number in ("1", "2"):
        walk.step(("opened", number, AMOUNT, Succeeded(amount=Money(AMOUNT, USD), reference=f"re_{number}")))
    assert (walk.payment.refunded_minor, walk.payment.refundable_minor) == (2 * AMOUNT, 0)


def test_that_a_refund_made_at_the_provider_was_never_sent_by_us_is_no_end_of_it():
    walk = Walk(manual=False)
    walk.step(("charge", Succeeded(amount=Money(AMOUNT, USD), reference="pi")))
    walk.step(("opened", "1", 400, Declined(code="never_sent")))
    [refund] = walk.payment.operations.values()
    assert refund.state is State.IN_DOUBT
    assert [(one.kind, one.reference) for one in walk.of(Query)] == [("refund", "re_1")]


def test_a_refund_made_at_the_provider_is_asked_about_with_all_that_the_provider_must_be_asked_with():
    walk = Walk(manual=False)
    walk.step(("charge", Succeeded(amount=Money(AMOUNT, USD), reference="pi")))
    walk.step(("opened", "1", 400, Pending(reference="re_1")))
    walk.step(("overdue", timedelta(hours=1)))
    [query] = walk.of(Query)
    assert (query.kind, query.reference, query.opened) == (
        "refund",
        "re_1",
        OpenedOperation(Money(400, USD), charge="pi"),
    )
    assert (walk.repeated, walk.of(Refund)) == ([], [])


def test_a_persons_decision_ends_a_doubt_and_its_cancel_and_is_told_with_its_reason():
    walk = Walk(manual=False)
    for _ in range(2):
        walk.step(("charge", Unknown(reason="silence")))  # also in answer to the query
    walk.step(("request cancel", "1"))
    walk.step(("decide", "payment", Trigger.DECIDED_FAILED))
    assert (walk.payment.state, walk.payment.failure.code) == (State.FAILED, "decided_by_operator")
    assert walk.payment.operations[NUMBERED["cancel1"]].state is State.FAILED
    [decided] = [one for one in walk.of(PaymentTransitioned) if one.cause.trigger == "decided_failed"]
    assert (decided.cause.source, decided.cause.detail) == ("operator", "The book shows it.")
    assert decided.public_event.type == "payment.failed"
