"""Payments under random sequences of commands, outcomes, repeats, disorder and deadlines keep the promise."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from walking import AMOUNT, PAY, STEPS, Received, Walk

from malipo.contracts.events import PaymentTransitioned
from malipo.contracts.provider_commands import (
    Cancel,
    Charge,
    Confirm,
    ProviderMessage,
    Query,
    Refund,
    Withdraw,
)
from orchestrator.commands import LATE_HOLD
from orchestrator.machine import DECIDED
from orchestrator.states import State, Subject


def require_deadlines(payment) -> None:
    waiting = {subject for subject, due in payment.timers.items() if due}
    assert (payment.id in waiting) == (payment.state not in DECIDED), "a payment waits without a deadline"
    for operation in payment.operations.values():
        assert (operation.id in waiting) == operation.live, "an operation waits without a deadline"


def require_that_refunds_are_stopped(walk) -> None:
    """A refund that may still be sent, of money that went back, was withdrawn once, and nothing of it is sent after that."""
    payment, withdrawn = walk.payment, [one.operation_id for one in walk.of(Withdraw) if one.kind == "refund"]
    assert len(withdrawn) == len(set(withdrawn)), "a refund was withdrawn twice"
    assert not withdrawn or payment.state is State.RETURNED, "a refund was withdrawn of money that did not go back"
    for one in payment.live(Subject.REFUND) if payment.state is State.RETURNED else ():
        may_go_out = one.opened_by != "provider" and one.state is not State.PENDING
        assert one.id in withdrawn or not may_go_out, "a refund may go out of money that went back"
    messages = [one for one in walk.sent_in_order if getattr(one, "operation_id", None) in withdrawn]
    for refund_id in withdrawn:
        about_it = [type(one) for one in messages if one.operation_id == refund_id]
        assert Refund not in about_it[about_it.index(Withdraw) :], "a refund was sent after it was withdrawn"


def require_no_strife(payment) -> None:
    """What is under way fits how the charge stands."""
    changing = payment.live(Subject.CAPTURE, Subject.CANCEL)
    assert len(changing) <= 1, "two change one charge"
    if payment.state in DECIDED:
        assert all(one.reason == LATE_HOLD for one in changing), "something still changes a charge that has ended"
    deferred = {one.subject for one in payment.waiting(Subject.CANCEL, Subject.REFUND)}
    assert not deferred & set(payment.possible), "something waits though it can be sent"
    assert payment.state is not State.RETURNED or not deferred, "a refund waits for money that went back"
    releases = [one for one in payment.operations.values() if one.reason == LATE_HOLD]
    assert len(releases) <= 1, "a hold is released twice"


@settings(max_examples=600, deadline=None)
@given(
    how=st.sampled_from(["automatic", "manual", "several"]),
    late=st.sampled_from(["keep", "refund"]),
    steps=st.lists(STEPS, max_size=25),
)
def test_a_payment_keeps_the_promise_whatever_comes_in_whatever_order(how, late, steps):
    walk = Walk(manual=how != "automatic", late=late, several=how == "several")
    for step in steps:
        walk.step(step)
        payment = walk.payment
        walk.keep_book(step)
        if walk.taken:
            assert payment.state in (State.COMPLETED, State.RETURNED), "the book has money, and the payment has none"
        assert payment.captured_minor <= AMOUNT, "more was captured than requested"
        assert payment.refundable_minor >= 0
        without_money = payment.state in (State.CANCELED, State.FAILED)
        assert not (without_money and payment.captured_minor), "what was captured is told as nothing"
        assert payment.confirms == len(walk.of(Confirm))
        require_deadlines(payment)
        require_no_strife(payment)
        require_that_refunds_are_stopped(walk)

    transitions = walk.of(PaymentTransitioned)
    assert len(walk.of(Charge)) == 1, "a charge was sent twice"
    assert max(Counter(command.operation_id for command in walk.of(Cancel)).values(), default=0) <= 1
    assert max(Counter(refund.operation_id for refund in walk.of(Refund)).values(), default=0) <= 1
    for command in walk.repeated:
        [first] = [one for one in walk.of(type(command)) if one.operation_id == command.operation_id]
        assert replace(command, step=0) == replace(first, step=0), "another command than the first was sent again"
    assert [one.step for one in transitions] == list(range(1, len(transitions) + 1))
    events = [one.public_event for one in transitions if one.public_event]
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    ends = [
        one
        for one in transitions
        if one.operation is None and one.from_state != one.to_state and State(one.to_state) in DECIDED
    ]
    later = {one.public_event and one.public_event.type for one in ends[1:]}
    assert later <= {"payment.corrected", "payment.returned"}, "a payment ended twice"
    confirmed = [command.operation_id for command in walk.of(Confirm)]
    assert confirmed == [f"{PAY}.1.c{number + 1}" for number in range(len(confirmed))]
    into_doubt = [
        one
        for one in transitions
        if one.operation is None and one.to_state == "in_doubt" and one.from_state != "in_doubt"
    ]
    assert len(walk.of(Query)) >= len(into_doubt)
    commands = [(command.step, type(command).__name__.lower()) for command in walk.of(ProviderMessage)]
    assert commands == [(one.step, one.sent) for one in transitions if one.sent], "a step sent something else"
    for one in transitions:
        undecided = not one.contradiction and State(one.to_state) not in DECIDED
        assert (one.deadline is not None) == undecided, "a step without the deadline of what it led to"


@settings(max_examples=200, deadline=None)
@given(steps=st.lists(STEPS, max_size=20))
def test_applying_every_outcome_twice_moves_no_more_money(steps):
    once, twice = Walk(manual=False), Walk(manual=False)
    for step in steps:
        once.step(step)
        twice.step(step)
        if step[0] in ("charge", "confirm", "opened", "refund", "capture", "cancel"):
            twice.step(step)
    assert twice.payment.state == once.payment.state
    assert twice.payment.captured_minor == once.payment.captured_minor
    assert len(twice.of(Refund)) == len(once.of(Refund))
    assert len(twice.of(Charge)) == 1


@settings(max_examples=200, deadline=None)
@given(steps=st.lists(STEPS, max_size=20))
def test_money_that_came_without_a_payment_is_one_that_ends_once_sends_no_charge_and_is_refunded_no_further(steps):
    walk = Received()
    for step in steps:
        walk.step(step)
        payment = walk.payment
        assert 0 <= payment.captured_minor <= AMOUNT
        assert payment.state in DECIDED, "what has come is waited for"
    assert walk.of(Charge) == walk.of(Confirm) == []
    transitions = walk.of(PaymentTransitioned)
    assert [one.step for one in transitions] == list(range(1, len(transitions) + 1))
    told = [one.public_event.type for one in transitions if one.public_event and one.operation is None]
    assert told[0] == "payment.completed"
    assert set(told[1:]) <= {"payment.corrected", "payment.returned"}
