"""Which money is a payment's, by the ids that the provider gave to it; and what of it a person's decision changes."""

from datetime import timedelta

import pytest
from told import ALL, APPROVED, DECLINED, PAID, PART, TO_APPROVE, UNKNOWN, Told

from malipo import ids
from malipo.contracts.commands import CapturePayment, RefundPayment
from malipo.contracts.outcomes import Authorized, Declined, Pending, Reversed, Succeeded
from malipo.contracts.provider_commands import Cancel, Confirm, ProviderMessage, Refund
from malipo.money import Money
from orchestrator import decisions
from orchestrator.states import State, Trigger


def paid_as(reference: str | None) -> Succeeded:
    return Succeeded(amount=ALL, reference=reference)


def back(reference: str | None) -> Reversed:
    return Reversed(code="account_closed", reference=reference)


def test_that_another_payment_beside_a_payments_own_went_back_does_not_end_that():
    told = Told()
    told.report(paid_as("QK1"))
    assert told.contradicts(paid_as("QK2"))
    assert told.contradicts(back("QK2"))
    assert (told.payment.state, told.payment.captured_minor) == (State.COMPLETED, 1000)
    told.report(back("QK1"))
    assert (told.payment.state, told.last.public_event.type) == (State.RETURNED, "payment.returned")


@pytest.mark.parametrize("other", ["pi", None])
def test_that_the_other_payment_of_an_assigned_one_went_back_does_not_end_that(other):
    told = Told()
    told.report(DECLINED)
    told.assign("QK1")
    assert told.contradicts(PAID)
    assert told.contradicts(back(other))
    told.report(back("QK1"))
    assert told.payment.state is State.RETURNED


def test_a_person_who_finds_a_payment_paid_is_agreed_with_by_the_providers_own_report_which_names_the_money():
    told = Told()
    told.report(Pending(reference="order_1"))
    told.decide(Trigger.DECIDED_COMPLETED)
    assert not told.contradicts(paid_as("cap_1"))
    assert not told.contradicts(paid_as("cap_1"))
    told.handle(RefundPayment(payment_id=told.id, refund_id=ids.new("ref")))
    assert [one.reference for one in told.of(Refund)] == ["cap_1"]
    assert told.contradicts(paid_as("cap_2"))


def test_another_amount_than_a_person_has_found_is_a_contradiction():
    told = Told()
    told.report(Pending(reference="order_1"))
    told.decide(Trigger.DECIDED_COMPLETED)
    assert told.contradicts(Succeeded(amount=PART, reference="cap_1"))


def test_what_a_person_has_found_paid_and_the_provider_then_returns_under_its_first_id_is_returned():
    told = Told()
    told.report(Pending(reference="order_1"))
    told.decide(Trigger.DECIDED_COMPLETED)
    told.report(back("cap_1"))
    assert told.payment.state is State.RETURNED


def test_once_a_wrong_assignment_is_undone_the_payments_own_money_is_known_again():
    told = Told()
    told.report(DECLINED)
    told.assign("QK1")
    told.decide(Trigger.DECIDED_FAILED)
    assert told.payment.reference == "pi"
    assert not told.contradicts(PAID)
    assert not told.contradicts(PAID)
    assert told.contradicts(paid_as("QK1"))
    assert told.payment.reference == "pi"


def test_money_of_another_amount_that_was_doubted_is_not_known_by_that():
    told = Told()
    told.report(Succeeded(amount=Money(1500, "USD"), reference="QK9"))
    told.report(paid_as("QK1"))
    assert told.contradicts(paid_as("QK9"))


def test_however_many_names_a_charge_has_its_money_is_known_by_its_own():
    told = Told()
    for number in range(30):
        told.report(UNKNOWN if number % 2 else Pending(reference=f"order_{number}"))
        told.report(Authorized(amount=ALL, reference=f"hold_{number}"))
    told.report(paid_as("QK1"))
    assert not told.contradicts(paid_as("QK1"))
    assert not told.contradicts(paid_as("hold_29"))
    assert told.contradicts(paid_as("QK2"))
    assert len(told.payment.known_references) <= 20


@pytest.mark.parametrize("first", [lambda told: told.decide(Trigger.DECIDED_COMPLETED), Told.assign])
def test_what_may_still_be_sent_is_not_decided_as_failed_by_way_of_completed_either(first):
    told = Told()
    told.overdue(told.id)
    first(told)
    with pytest.raises(decisions.Impossible, match=f"{told.id} may still be sent"):
        decisions._check(told.payment, None, Trigger.DECIDED_FAILED)
    told.report(UNKNOWN, source="query")
    decisions._check(told.payment, None, Trigger.DECIDED_FAILED)


def test_a_capture_that_ended_with_its_payments_decision_and_may_still_be_sent_holds_the_next_decision():
    told, capture_id = Told(capture="manual"), ids.new("cap")
    told.report(Authorized(amount=ALL, reference="pi"), source="attempt")
    told.handle(CapturePayment(payment_id=told.id, capture_id=capture_id))
    told.report(UNKNOWN)
    told.report(UNKNOWN, source="query")
    told.decide(Trigger.DECIDED_COMPLETED)
    with pytest.raises(decisions.Impossible, match=f"{capture_id} may still be sent"):
        decisions._check(told.payment, None, Trigger.DECIDED_FAILED)


def test_money_that_the_provider_has_reported_can_be_decided_as_failed_though_an_answer_is_owed():
    told = Told()
    told.overdue(told.id)
    told.report(PAID)
    decisions._check(told.payment, None, Trigger.DECIDED_FAILED)


@pytest.mark.parametrize("end", [back("re_1"), Declined(code="expired_card", reference="re_1")])
def test_a_refund_that_came_back_after_a_person_held_it_to_have_failed_stays_failed(end):
    told, refund_id = Told(), ids.new("ref")
    told.report(PAID)
    told.handle(RefundPayment(payment_id=told.id, refund_id=refund_id, amount_minor=400))
    told.report(Pending(reference="re_1"), refund_id, "refund")
    told.decide(Trigger.DECIDED_FAILED, told.payment.operations[refund_id])
    told.report(end, refund_id, "refund")
    steps = told.payment.step
    for late in (end, Succeeded(amount=PART, reference="re_1"), end):
        told.report(late, refund_id, "refund")
    refund = told.payment.operations[refund_id]
    assert (refund.state, refund.failure.code, told.payment.step) == (State.FAILED, end.code, steps)
    assert told.payment.refundable_minor == 1000


@pytest.mark.parametrize("decided", [True, False])
def test_the_first_name_of_a_refund_that_had_come_back_without_one_does_not_complete_it_but_is_alerted(decided):
    told, refund_id = Told(), ids.new("ref")
    told.report(PAID)
    told.handle(RefundPayment(payment_id=told.id, refund_id=refund_id, amount_minor=400))
    told.report(Pending(), refund_id, "refund")
    if decided:
        told.decide(Trigger.DECIDED_FAILED, told.payment.operations[refund_id])
    told.report(back(None), refund_id, "refund")
    told.report(Succeeded(amount=PART, reference="re_1"), refund_id, "refund")
    assert (told.payment.operations[refund_id].state, told.last.contradiction) == (State.FAILED, True)
    assert told.payment.refundable_minor == 1000


@pytest.mark.parametrize("minutes", [20, -20])
def test_an_approval_counts_whatever_the_clock_of_the_replica_that_told_it(minutes):
    told = Told()
    told.report(TO_APPROVE, observed_at=told.now + timedelta(minutes=minutes))
    told.now += timedelta(seconds=5)
    told.report(APPROVED, observed_at=told.now - timedelta(minutes=minutes))
    first = f"{told.id}.1.c1"
    told.report(TO_APPROVE, first, "confirm", "attempt", observed_at=told.now + timedelta(minutes=minutes))
    told.now += timedelta(seconds=5)
    told.report(APPROVED, source="query", observed_at=told.now - timedelta(minutes=abs(minutes)))
    assert [one.operation_id for one in told.of(Confirm)] == [first, f"{told.id}.1.c2"]


@pytest.mark.parametrize("answer", [TO_APPROVE, UNKNOWN])
def test_an_expired_charge_that_cannot_be_canceled_is_asked_about_ever_less_often(answer):
    told = Told()
    told.report(TO_APPROVE)
    told.now = told.payment.expires_at
    end, before = told.now + timedelta(days=10), len(told.of(ProviderMessage))
    while (due := min(filter(None, told.payment.timers.values()))) < end:
        told.now = max(told.now, due)
        told.overdue(next(name for name, at in told.payment.timers.items() if at == due))
        for cancel in told.payment.live(*[one.subject for one in told.payment.operations.values()]):
            told.report(Declined(code="x"), cancel.id, "cancel", "attempt")
        told.now += timedelta(seconds=2)
        told.report(answer, source="query")
        told.report(TO_APPROVE, source="query")
    assert len(told.of(ProviderMessage)) - before <= 60
    assert len(told.of(Cancel)) <= 30
