"""What comes after a payment's end, or beside a person's decision: the book is followed, and nothing is sent twice."""

from dataclasses import replace
from datetime import timedelta

import pytest
from told import ALL, APPROVED, CANCELED, DECLINED, PAID, PART, RETURNED, TO_APPROVE, UNKNOWN, Told

from malipo import ids
from malipo.contracts.commands import CancelPayment, CapturePayment, RefundPayment
from malipo.contracts.events import PaymentTransitioned
from malipo.contracts.outcomes import (
    Authorized,
    Canceled,
    Declined,
    OperationOpened,
    Pending,
    Succeeded,
    Unknown,
)
from malipo.contracts.provider_commands import Cancel, Confirm, ProviderMessage, Query, Refund, Withdraw
from malipo.contracts.providers import PROVIDERS
from orchestrator import decisions
from orchestrator.states import State, Trigger


@pytest.mark.parametrize("end", [DECLINED, CANCELED])
def test_a_late_payment_that_its_bank_took_back_is_returned_and_never_refunded_too(end):
    told = Told(late_payments="refund")
    for outcome in (end, RETURNED, PAID):
        told.report(outcome)
    assert (told.payment.state, told.payment.captured_minor) == (State.RETURNED, 0)
    assert (told.last.public_event.type, told.last.contradiction) == ("payment.returned", False)
    assert told.of(Refund) == []


@pytest.mark.parametrize("anew", [lambda told: told.decide(Trigger.DECIDED_COMPLETED), lambda told: told.report(PAID)])
def test_a_persons_mistake_that_is_undone_gives_nothing_back(anew):
    told = Told(late_payments="refund")
    told.report(PAID)
    told.decide(Trigger.DECIDED_FAILED)
    anew(told)
    assert (told.payment.state, told.payment.captured_minor) == (State.COMPLETED, 1000)
    assert told.last.public_event.type == "payment.corrected"
    assert told.of(Refund) == []


def test_a_persons_decision_that_money_came_late_gives_nothing_back():
    told = Told(late_payments="refund")
    told.report(DECLINED)
    told.decide(Trigger.DECIDED_COMPLETED)
    assert told.of(Refund) == []


def test_a_refund_that_waits_is_not_sent_anew_once_its_payment_went_back():
    told, refund_id = Told(), ids.new("ref")
    told.report(PAID)
    told.handle(RefundPayment(payment_id=told.id, refund_id=refund_id))
    told.report(RETURNED)
    told.now += timedelta(seconds=61)
    sent = told.overdue(refund_id)
    assert [one for one in sent if isinstance(one, Refund)] == []
    assert [one.operation_id for one in sent if isinstance(one, Query)] == [refund_id]


def test_a_refund_that_was_never_sent_is_withdrawn_once_its_payment_went_back():
    told, refund_id = Told(), ids.new("ref")
    told.report(PAID)
    told.handle(RefundPayment(payment_id=told.id, refund_id=refund_id))
    [withdraw] = [one for one in told.report(RETURNED) if isinstance(one, Withdraw)]
    assert (withdraw.operation_id, withdraw.kind) == (refund_id, "refund")
    assert (told.last.sent, told.last.step, told.last.cause.trigger) == ("withdraw", withdraw.step, "payment_returned")
    told.report(Canceled(), refund_id, "refund", "attempt", step=withdraw.step)
    refund = told.payment.operations[refund_id]
    assert (refund.state, refund.failure.code) == (State.FAILED, "payment_returned")


def test_what_withdraws_a_refund_goes_out_again_until_something_comes_back():
    told, refund_id = Told(), ids.new("ref")
    told.report(PAID)
    told.handle(RefundPayment(payment_id=told.id, refund_id=refund_id))
    told.report(RETURNED)
    for _ in range(3):
        told.now += timedelta(hours=1)
        sent = [type(one) for one in told.overdue(refund_id) if isinstance(one, ProviderMessage)]
        assert sent == [Withdraw, Query]
    told.report(Pending(reference="re_1"), refund_id, "refund", "query")
    told.now += timedelta(days=1)
    assert [type(one) for one in told.overdue(refund_id) if isinstance(one, ProviderMessage)] == [Query]


@pytest.mark.parametrize("outcome", [Pending(reference="re_1"), Succeeded(amount=ALL, reference="re_1")])
def test_a_refund_that_the_provider_has_is_not_withdrawn_when_its_payments_money_goes_back(outcome):
    told, refund_id = Told(), ids.new("ref")
    told.report(PAID)
    told.handle(RefundPayment(payment_id=told.id, refund_id=refund_id))
    told.report(outcome, refund_id, "refund")
    assert [one for one in told.report(RETURNED) if isinstance(one, Withdraw)] == []


def test_a_payment_captured_in_part_has_that_part_again_when_a_wrong_decision_is_undone():
    told, capture_id = Told(capture="manual"), ids.new("cap")
    told.report(Authorized(amount=ALL, reference="pi"))
    told.handle(CapturePayment(payment_id=told.id, capture_id=capture_id, amount_minor=400))
    told.report(Succeeded(amount=PART, reference="pi"), capture_id, "capture")
    told.decide(Trigger.DECIDED_FAILED)
    told.decide(Trigger.DECIDED_COMPLETED)
    assert (told.payment.captured_minor, told.payment.refundable_minor) == (400, 400)


def test_what_may_still_be_sent_is_not_decided_as_failed_until_the_providers_service_has_answered():
    told, refund_id = Told(), ids.new("ref")
    told.overdue(told.id)
    with pytest.raises(decisions.Impossible, match=f"{told.id} may still be sent"):
        decisions._check(told.payment, None, Trigger.DECIDED_FAILED)
    decisions._check(told.payment, None, Trigger.DECIDED_COMPLETED)
    told.report(UNKNOWN, source="query")
    decisions._check(told.payment, None, Trigger.DECIDED_FAILED)
    told.report(PAID)
    told.handle(RefundPayment(payment_id=told.id, refund_id=refund_id, amount_minor=400))
    told.overdue(refund_id)
    refund = told.payment.operations[refund_id]
    with pytest.raises(decisions.Impossible, match=f"{refund_id} may still be sent"):
        decisions._check(told.payment, refund, Trigger.DECIDED_FAILED)
    told.report(UNKNOWN, refund_id, "refund", "query")
    decisions._check(told.payment, refund, Trigger.DECIDED_FAILED)


def test_a_capture_that_may_still_be_sent_holds_the_decision_about_its_payment():
    told, capture_id = Told(capture="manual"), ids.new("cap")
    told.report(Authorized(amount=ALL, reference="pi"))
    told.handle(CapturePayment(payment_id=told.id, capture_id=capture_id))
    told.report(UNKNOWN)
    told.report(UNKNOWN, source="query")
    with pytest.raises(decisions.Impossible, match=f"{capture_id} may still be sent"):
        decisions._check(told.payment, None, Trigger.DECIDED_FAILED)
    told.report(UNKNOWN, capture_id, "capture")  # and so it is asked about
    told.report(UNKNOWN, capture_id, "capture", "query")
    decisions._check(told.payment, None, Trigger.DECIDED_FAILED)


def test_a_refund_that_a_person_held_to_have_failed_counts_once_the_provider_shows_it():
    told, refund_id = Told(), ids.new("ref")
    told.report(PAID)
    told.handle(RefundPayment(payment_id=told.id, refund_id=refund_id, amount_minor=400))
    told.report(Pending(reference="re_1"), refund_id, "refund")
    told.decide(Trigger.DECIDED_FAILED, told.payment.operations[refund_id])
    assert told.payment.refundable_minor == 1000
    told.report(Succeeded(amount=PART, reference="re_1"), refund_id, "refund")
    assert (told.last.public_event.type, told.payment.refundable_minor) == ("refund.completed", 600)


@pytest.mark.parametrize("before", [Unknown(reason="timeout", reference="pi"), Declined(code="x", reference="pi")])
def test_a_payment_that_money_was_assigned_to_and_that_is_paid_besides_is_alerted(before):
    told = Told()
    told.report(before)
    fold = told.fold("operator", because="The receipt names it.")
    fold.assign(ALL, "QK1")
    told.keep(fold)
    told.report(Succeeded(amount=ALL, reference="QK1"))
    assert told.last.contradiction is False
    told.report(PAID)
    assert (told.last.contradiction, told.payment.state) == (True, State.COMPLETED)
    assert told.payment.reference == "QK1"


@pytest.mark.parametrize("end", [(), (RETURNED,)])
def test_money_under_a_reference_that_the_payment_does_not_know_is_no_repeat(end):
    told = Told()
    for outcome in (Pending(reference="order"), PAID, *end, PAID, Succeeded(amount=ALL, reference="order")):
        told.report(outcome)
    assert [one for one in told.of(PaymentTransitioned) if one.contradiction] == []
    told.report(Succeeded(amount=ALL, reference="pi_2"))
    assert told.last.contradiction


def confirmed() -> Told:
    """A payment whose customer has agreed, and whose first confirm is under way."""
    told = Told()
    told.report(TO_APPROVE)
    told.report(APPROVED)
    return told


def test_while_a_confirm_may_be_under_way_no_stale_report_makes_a_second_one():
    told = confirmed()
    first = f"{told.id}.1.c1"
    told.report(UNKNOWN, first, "confirm", "attempt")
    for source in ("callback", "query"):
        told.report(TO_APPROVE, first, "confirm", source)
        told.report(APPROVED)
    assert [one.operation_id for one in told.of(Confirm)] == [first]


def test_an_approval_from_before_the_customer_had_to_act_again_confirms_nothing():
    told = confirmed()
    first, before = f"{told.id}.1.c1", told.now
    told.now += timedelta(seconds=5)
    told.report(TO_APPROVE, first, "confirm", "attempt")
    told.report(APPROVED, observed_at=before)
    assert [one.operation_id for one in told.of(Confirm)] == [first]
    told.now += timedelta(seconds=5)
    told.report(APPROVED)
    assert [one.operation_id for one in told.of(Confirm)] == [first, f"{told.id}.1.c2"]


@pytest.mark.parametrize("canceled", [True, False])
def test_a_confirm_that_had_no_effect_until_the_end_of_the_intent_is_canceled(canceled):
    told = confirmed()
    told.overdue(told.id)
    if canceled:
        told.handle(CancelPayment(payment_id=told.id, cancel_id=ids.new("can")))
    told.now = told.payment.expires_at
    told.report(APPROVED, f"{told.id}.1.c1", "confirm", "query")
    assert {one.operation_id for one in told.of(Confirm)} == {f"{told.id}.1.c1"}
    assert len(told.of(Cancel)) == 1


def waits_for_the_customer() -> Told:
    told = Told()
    told.report(TO_APPROVE)
    told.now = told.payment.expires_at
    return told


def test_after_the_end_of_the_intent_a_provider_without_cancels_is_asked(monkeypatch):
    stripe = PROVIDERS["stripe"]
    operations = {kind: rules for kind, rules in stripe.operations.items() if kind != "cancel"}
    monkeypatch.setitem(PROVIDERS, "stripe", replace(stripe, operations=operations))
    told = waits_for_the_customer()
    for number in range(1, 4):
        told.overdue(told.id)
        told.report(TO_APPROVE, source="query")
        told.report(APPROVED, source="query")
        assert len(told.of(Query)) == number
        told.now += timedelta(hours=1)
    assert told.of(Cancel) == []


def test_between_two_cancels_of_an_expired_charge_the_provider_is_asked():
    told = waits_for_the_customer()
    for asked in (1, 2):
        told.overdue(told.id)
        cancel = told.of(Cancel)[-1]
        told.now += timedelta(seconds=5)
        told.report(Declined(code="x"), cancel.operation_id, "cancel")
        told.now += timedelta(hours=1)
        told.overdue(told.id)
        told.now += timedelta(hours=1)
        assert (len(told.of(Cancel)), len(told.of(Query))) == (asked, asked)
    sent = [(one.step, type(one).__name__.lower()) for one in told.of(ProviderMessage)]
    assert sent == [(one.step, one.sent) for one in told.of(PaymentTransitioned) if one.sent]


@pytest.mark.parametrize("answer", [Succeeded(amount=PART, reference="re_1"), Pending(reference="re_1")])
def test_a_refund_of_ours_that_was_reported_first_as_made_at_the_provider_counts_once(answer):
    told, refund_id = Told(), ids.new("ref")
    told.report(PAID)
    told.handle(RefundPayment(payment_id=told.id, refund_id=refund_id, amount_minor=400))
    opened = OperationOpened(
        payment_id=told.id, kind="refund", provider="stripe", reference="re_1", amount=PART,
        outcome=Succeeded(amount=PART, reference="re_1"), opened_at=told.now, observed_at=told.now,
    )  # fmt: skip
    told.handle(opened)
    told.report(answer, refund_id, "refund")
    assert told.payment.refundable_minor == 600
    told.report(Succeeded(amount=PART, reference="re_1"), refund_id, "refund")
    told.handle(opened)
    assert (told.payment.refunded_minor, told.payment.refundable_minor) == (400, 600)
    [taken] = [one for one in told.payment.operations.values() if one.opened_by == "provider"]
    assert (taken.state, taken.failure.code) == (State.FAILED, "counted_otherwise")


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (DECLINED, "payment_failed"),
        (CANCELED, "payment_canceled"),
        (RETURNED, "payment_returned"),
        (PAID, "captured_otherwise"),
        (None, "payment_failed"),
    ],
)
@pytest.mark.parametrize("command", [CapturePayment, CancelPayment])
def test_what_was_to_change_a_charge_says_truly_how_that_has_ended(command, end, code):
    told, operation_id = Told(capture="manual"), ids.new("can")
    told.report(Authorized(amount=ALL, reference="pi"))
    if command is CapturePayment:
        told.handle(CapturePayment(payment_id=told.id, capture_id=operation_id, amount_minor=400))
    else:
        told.handle(CancelPayment(payment_id=told.id, cancel_id=operation_id))
    told.report(UNKNOWN)
    told.decide(Trigger.DECIDED_FAILED) if end is None else told.report(end)
    operation = told.payment.operations[operation_id]
    if command is CancelPayment:
        code = {PAID: "cancel_too_late", CANCELED: None}.get(end, code)
    assert (operation.failure and operation.failure.code) == code


def refund_in_doubt() -> tuple[Told, str]:
    """A payment whose refund was asked about, because nothing had come back."""
    told, refund_id = Told(), ids.new("ref")
    told.report(PAID)
    told.handle(RefundPayment(payment_id=told.id, refund_id=refund_id))
    told.now += timedelta(seconds=61)
    told.overdue(refund_id)
    return told, refund_id


@pytest.mark.parametrize("late", [{"source": "attempt"}, {"source": "callback"}, {"source": "query", "step": 3}])
def test_an_answer_from_before_the_last_query_was_sent_does_not_answer_that(late):
    told, refund_id = refund_in_doubt()
    told.report(UNKNOWN, refund_id, "refund", **late)
    refund = told.payment.operations[refund_id]
    with pytest.raises(decisions.Impossible, match=f"{refund_id} may still be sent"):
        decisions._check(told.payment, refund, Trigger.DECIDED_FAILED)
    told.report(UNKNOWN, refund_id, "refund", "query")
    decisions._check(told.payment, refund, Trigger.DECIDED_FAILED)
