"""The laws of the state table."""

import re
from collections import Counter
from importlib.resources import files

import pytest

from malipo.contracts.events import EventType, PaymentMethodStatus, PaymentStatus
from orchestrator.deadlines import deadline_seconds
from orchestrator.machine import DECIDED, DECISIONS, FINAL_TRIGGERS, TRANSITIONS, Ignored, why_ignored
from orchestrator.setups import STATUSES
from orchestrator.states import Send, State, Subject, Trigger
from orchestrator.views import PUBLIC

SUBJECTS = list(Subject)
OURS = {Trigger.DISPATCHED, Trigger.DEFERRED, Trigger.UNROUTABLE, Trigger.OVERDUE, Trigger.EXPIRED, *DECISIONS}
FROM_OUTSIDE = {Trigger.OPENED, Trigger.RECEIVED}
CHARGES_ONLY = {Trigger.APPROVED, Trigger.BEGUN, Trigger.REVERSED, Trigger.CAPTURED, Trigger.RELEASED}
AT_THE_END = {Trigger.NAMED, Trigger.PAYMENT_RETURNED, Trigger.SAVED, Trigger.METHOD_CHANGED, Trigger.DETACHED}
DISPUTES_ONLY = {Trigger.DISPUTED, Trigger.WON, Trigger.LOST}
NOTHING_SENT = {State.INITIATED, State.WAITING}
DOUBTS = {Trigger.UNKNOWN, Trigger.UNCLEAR}
PROVIDER_TRIGGERS = {
    Subject.PAYMENT: set(Trigger) - OURS - FROM_OUTSIDE - AT_THE_END - DISPUTES_ONLY,
    Subject.SETUP: {
        *(Trigger.SAVED, Trigger.DECLINED, Trigger.CANCELED, Trigger.PENDING, Trigger.ACTION_REQUIRED),
        *DOUBTS,
    },
    Subject.REFUND: {Trigger.SUCCEEDED, Trigger.DECLINED, Trigger.REVERSED, Trigger.PENDING, *DOUBTS},
    # Not AUTHORIZED and ACTION_REQUIRED: that the charge is unchanged says nothing about a capture.
    Subject.CAPTURE: {Trigger.SUCCEEDED, Trigger.DECLINED, Trigger.CANCELED, Trigger.PENDING, *DOUBTS},
    Subject.RETURN_REQUEST: {Trigger.SUCCEEDED, Trigger.DECLINED, Trigger.PENDING, *DOUBTS},
    Subject.CANCEL: set(Trigger) - OURS - FROM_OUTSIDE - CHARGES_ONLY - AT_THE_END - DISPUTES_ONLY,
    Subject.DISPUTE: DISPUTES_ONLY,
    Subject.FRAUD_WARNING: set(),
    Subject.DETACH: {Trigger.DETACHED, Trigger.DECLINED, Trigger.PENDING, *DOUBTS},
}
AWAITED = (State.PROCESSING, State.PENDING, State.IN_DOUBT)
NO_NEWS = {
    # The provider works on it, which we know; and that a query shows nothing makes no doubt of it.
    State.PENDING: {Trigger.PENDING, Trigger.UNKNOWN},
    State.AUTHORIZED: {Trigger.APPROVED},
}


def transitions_of(subject: Subject):
    return [one for one in TRANSITIONS if one.subject is subject]


def states_of(subject: Subject):
    return {one.state for one in transitions_of(subject)} | {one.to for one in transitions_of(subject)}


def test_there_is_one_transition_per_subject_state_and_trigger():
    counted = Counter((one.subject, one.state, one.trigger) for one in TRANSITIONS)
    assert counted.most_common(1)[0][1] == 1


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_state_can_be_reached(subject):
    reached = {State.INITIATED}
    for _ in State:
        reached |= {one.to for one in transitions_of(subject) if one.state in reached}
    assert reached == states_of(subject)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_state_can_end(subject):
    ending = set(DECIDED)
    for _ in State:
        ending |= {one.state for one in transitions_of(subject) if one.to in ending}
    assert states_of(subject) <= ending


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_undecided_state_has_a_deadline(subject):
    with_deadline = {one.state for one in transitions_of(subject) if one.trigger is Trigger.OVERDUE}
    never_rests = (
        {State.INITIATED} if subject in (Subject.DISPUTE, Subject.FRAUD_WARNING) else set()
    )  # it is opened by whoever tells of it
    assert with_deadline == states_of(subject) - DECIDED - never_rests


def test_every_transition_into_an_undecided_state_sets_a_deadline_and_no_other_does():
    for one in TRANSITIONS:
        seconds = [deadline_seconds(one, queries, 60) for queries in (0, 1, 5, 1000)]
        if one.to in DECIDED:
            assert seconds == [None] * 4
        else:
            assert all(0 < s <= 24 * 3600 for s in seconds)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_outcome_has_a_transition_wherever_one_is_awaited(subject):
    for state in states_of(subject) - DECIDED - NOTHING_SENT:
        handled = {one.trigger for one in transitions_of(subject) if one.state is state}
        assert handled >= PROVIDER_TRIGGERS[subject] - NO_NEWS.get(state, set()) | {Trigger.OVERDUE}


def test_a_state_in_which_the_customer_must_act_ends_without_the_customer():
    rows = [one for one in TRANSITIONS if one.trigger is Trigger.EXPIRED]
    assert {(one.state, one.to, one.send) for one in rows if one.subject is Subject.SETUP} == {
        (State.INITIATED, State.CANCELED, None),
        (State.REQUIRES_ACTION, State.REQUIRES_ACTION, Send.CANCEL),
    }
    assert {one.state: (one.to, one.send) for one in rows if one.subject is Subject.PAYMENT} == {
        State.INITIATED: (State.FAILED, None),
        **{
            state: (state, Send.CANCEL) for state in (State.REQUIRES_ACTION, *AWAITED)
        },  # the customer may agree too late
    }


def test_a_cancel_that_waits_ends_with_its_charge_and_sends_nothing_but_what_stops_it():
    waiting = {one.trigger: (one.to, one.send) for one in transitions_of(Subject.CANCEL) if one.state is State.WAITING}
    ends = {trigger for trigger, (to, _) in waiting.items() if to in DECIDED}
    assert ends == FINAL_TRIGGERS - {Trigger.SAVED}  # which ends a setup, and its cancel as a decline does
    assert {send for trigger, (_, send) in waiting.items() if trigger is not Trigger.DISPATCHED} == {
        None,
        Send.WITHDRAW,
    }
    assert waiting[Trigger.DISPATCHED] == (State.PROCESSING, Send.CANCEL)


def test_exactly_one_transition_sends_a_charge():
    assert [one.trigger for one in TRANSITIONS if one.send is Send.CHARGE] == [Trigger.DISPATCHED]


def test_only_the_customers_approval_sends_a_confirm():
    confirming = [one for one in TRANSITIONS if one.send is Send.CONFIRM]
    assert {one.trigger for one in confirming} == {Trigger.APPROVED}
    assert {(one.subject, one.to) for one in confirming} == {(Subject.PAYMENT, State.PROCESSING)}


@pytest.mark.parametrize("subject", [one for one in SUBJECTS if State.PENDING in states_of(one)])
def test_what_is_pending_is_asked_about_and_doubted_only_by_the_providers_last_word(subject):
    """A dispute is pending at the bank from the first, and nothing of ours was sent that could be in doubt."""
    pending = [one for one in transitions_of(subject) if one.state is State.PENDING]
    asked = next(one for one in pending if one.trigger is Trigger.OVERDUE)
    assert (asked.to, asked.send, asked.event) == (State.PENDING, Send.QUERY, None)
    disputed = subject is Subject.DISPUTE
    assert [one.trigger for one in pending if one.to is State.IN_DOUBT] == ([] if disputed else [Trigger.UNCLEAR])
    begins = {Subject.PAYMENT: {Trigger.PENDING, Trigger.BEGUN}, Subject.DISPUTE: {Trigger.OPENED, Trigger.DISPUTED}}
    entering = {one.trigger for one in transitions_of(subject) if one.to is State.PENDING and one.state is not one.to}
    assert entering == begins.get(subject, {Trigger.PENDING})


def test_whatever_becomes_of_a_dispute_is_told_and_sends_nothing_but_queries():
    rows = transitions_of(Subject.DISPUTE)
    assert {one.send for one in rows} == {None, Send.QUERY}
    assert [one.trigger for one in rows if one.event is None] == [Trigger.OVERDUE]
    for end in (State.WON, State.LOST):  # the bank may decide anew
        assert {one.trigger for one in rows if one.state is end} == DISPUTES_ONLY


def test_an_end_without_money_follows_the_book_and_the_merchant_is_told_of_the_correction():
    corrected = {
        (one.state, one.trigger): (one.to, one.event) for one in transitions_of(Subject.PAYMENT) if one.state in DECIDED
    }
    for end in (State.FAILED, State.CANCELED):
        assert corrected[end, Trigger.SUCCEEDED] == (State.COMPLETED, "payment.corrected")
        assert corrected[end, Trigger.CAPTURED] == (State.COMPLETED, "payment.corrected")
        assert corrected[end, Trigger.REVERSED] == (State.RETURNED, "payment.returned")
    assert corrected[State.COMPLETED, Trigger.REVERSED] == (State.RETURNED, "payment.returned")


def test_a_part_that_is_captured_is_told_and_the_rest_stays_held_until_it_is_released():
    rows = {(one.state, one.trigger): (one.to, one.send, one.event) for one in transitions_of(Subject.PAYMENT)}
    for state in states_of(Subject.PAYMENT) - DECIDED - NOTHING_SENT:
        assert rows[state, Trigger.CAPTURED] == (State.AUTHORIZED, None, "payment.partially_captured")
        assert rows[state, Trigger.RELEASED] == (State.COMPLETED, None, "payment.completed")


@pytest.mark.parametrize("trigger", [Trigger.OPENED, Trigger.RECEIVED])
def test_everything_that_others_have_opened_is_told(trigger):
    events = [one.event for one in TRANSITIONS if one.trigger is trigger]
    assert events
    assert all(events)


def test_a_person_decides_only_what_is_in_doubt_or_pending_or_an_end_that_is_wrong():
    decided = [one for one in TRANSITIONS if one.trigger in DECISIONS]
    by_state = {State.IN_DOUBT, State.PENDING, State.WAITING, *(DECIDED - {State.RETURNED, State.WON, State.LOST})}
    assert {one.state for one in decided} == by_state
    waiting = {(one.subject, one.trigger) for one in decided if one.state is State.WAITING}
    assert waiting == {(Subject.REFUND, Trigger.DECIDED_FAILED)}  # nothing of it was sent
    assert {one.subject for one in decided if one.state in DECIDED} == {Subject.PAYMENT}
    assert all(one.send is None for one in decided)
    assert all(one.event == "payment.corrected" for one in decided if one.state in DECIDED)


def test_money_moves_only_on_dispatch_and_never_on_an_outcome():
    moving = {Send.CHARGE, Send.CAPTURE, Send.REFUND, Send.RETURN_REQUEST}
    assert {one.trigger for one in TRANSITIONS if one.send in moving} == {Trigger.DISPATCHED}


def test_entering_doubt_always_queries_the_provider():
    entering = [one for one in TRANSITIONS if one.to is State.IN_DOUBT and one.state is not State.IN_DOUBT]
    assert entering
    assert {one.send for one in entering} == {Send.QUERY}


def test_doubt_is_left_only_by_an_outcome():
    leaving = {one.trigger for one in TRANSITIONS if one.state is State.IN_DOUBT and one.to is not State.IN_DOUBT}
    assert Trigger.OVERDUE not in leaving
    assert not leaving & DOUBTS


@pytest.mark.parametrize(
    "subject",
    [Subject.PAYMENT, Subject.SETUP, Subject.REFUND, Subject.RETURN_REQUEST, Subject.DISPUTE, Subject.DETACH],
)
def test_reaching_an_end_always_publishes_an_event(subject):
    published = [one.event for one in transitions_of(subject) if one.to in DECIDED and one.to is not one.state]
    assert all(published)


def test_money_that_is_held_after_an_end_without_it_is_released_and_the_end_stands():
    held = {one.state: one for one in transitions_of(Subject.PAYMENT) if one.trigger is Trigger.AUTHORIZED}
    for end in (State.FAILED, State.CANCELED):
        assert (held[end].to, held[end].send, held[end].event) == (end, Send.CANCEL, None)
    assert State.COMPLETED not in held
    assert State.RETURNED not in held


def test_a_refund_that_waits_for_the_charges_name_asks_and_moves_nothing_until_it_is_dispatched():
    waiting = {one.trigger: (one.to, one.send) for one in transitions_of(Subject.REFUND) if one.state is State.WAITING}
    assert waiting[Trigger.DISPATCHED] == (State.PROCESSING, Send.REFUND)
    assert waiting[Trigger.OVERDUE] == (State.WAITING, Send.QUERY)
    ends = {to for trigger, (to, _) in waiting.items() if trigger not in (Trigger.DISPATCHED, Trigger.OVERDUE)}
    assert ends == {State.FAILED}


def test_a_refund_of_money_that_went_back_ends_where_nothing_was_sent_and_is_withdrawn_where_it_may_still_be():
    stopped = {one.state: one for one in TRANSITIONS if one.trigger is Trigger.PAYMENT_RETURNED}
    assert {one.subject for one in stopped.values()} == {Subject.REFUND}
    # A pending one is at the provider, and one that begins is dispatched or deferred in the same fold.
    undecided = states_of(Subject.REFUND) - DECIDED - {State.INITIATED, State.PENDING}
    assert set(stopped) == undecided
    assert (stopped[State.WAITING].to, stopped[State.WAITING].send) == (State.FAILED, None)
    for state in undecided - {State.WAITING}:
        assert (stopped[state].to, stopped[state].send, stopped[state].event) == (state, Send.WITHDRAW, None)


def test_nothing_but_a_cancel_that_waits_and_the_return_of_its_money_withdraws():
    withdrawing = {(one.subject, one.trigger) for one in TRANSITIONS if one.send is Send.WITHDRAW}
    assert withdrawing == {
        (Subject.CANCEL, Trigger.DEFERRED),
        (Subject.CANCEL, Trigger.OVERDUE),
        (Subject.REFUND, Trigger.PAYMENT_RETURNED),
    }


@pytest.mark.parametrize("subject", [Subject.CAPTURE, Subject.CANCEL])
def test_a_capture_or_cancel_that_fails_is_published(subject):
    assert all(one.event for one in transitions_of(subject) if one.to is State.FAILED)


def test_a_repeat_at_the_end_is_a_repeat():
    assert why_ignored(Subject.PAYMENT, State.COMPLETED, Trigger.SUCCEEDED) is Ignored.REPEAT
    assert why_ignored(Subject.PAYMENT, State.FAILED, Trigger.DECLINED) is Ignored.REPEAT


def test_another_decision_at_the_end_is_a_contradiction():
    assert why_ignored(Subject.PAYMENT, State.COMPLETED, Trigger.DECLINED) is Ignored.CONTRADICTION
    assert why_ignored(Subject.PAYMENT, State.COMPLETED, Trigger.CANCELED) is Ignored.CONTRADICTION


def test_that_money_had_come_is_no_news_once_it_went_back():
    assert why_ignored(Subject.PAYMENT, State.RETURNED, Trigger.SUCCEEDED) is Ignored.LATE


def test_an_undecided_outcome_at_the_end_is_late():
    assert why_ignored(Subject.PAYMENT, State.COMPLETED, Trigger.ACTION_REQUIRED) is Ignored.LATE


def test_two_ends_without_money_are_one_outcome_overtaking_the_other():
    assert why_ignored(Subject.PAYMENT, State.FAILED, Trigger.CANCELED) is Ignored.LATE
    assert why_ignored(Subject.PAYMENT, State.CANCELED, Trigger.DECLINED) is Ignored.LATE


def test_a_setup_moves_no_money_and_nothing_that_moves_any_is_of_one():
    rows = transitions_of(Subject.SETUP)
    assert {one.send for one in rows} == {Send.SETUP, Send.QUERY, Send.CANCEL, None}
    assert [one.trigger for one in TRANSITIONS if one.send is Send.SETUP] == [Trigger.DISPATCHED]
    assert {one.to for one in rows if one.trigger is Trigger.SAVED} == {State.COMPLETED}


def test_a_method_that_was_kept_after_all_is_told_as_saved_and_nothing_else_follows_an_end_without_it():
    ends = (State.FAILED, State.CANCELED)
    after = {one.state: (one.to, one.event) for one in transitions_of(Subject.SETUP) if one.state in ends}
    assert after == dict.fromkeys(ends, (State.COMPLETED, "payment_method.saved"))


def test_every_state_of_a_setup_has_a_status_and_every_status_a_state():
    assert set(STATUSES) == states_of(Subject.SETUP)
    by_detach = {"detaching", "detached", "detach_failed"}
    assert set(STATUSES.values()) | by_detach == set(PaymentMethodStatus.__args__)


def test_every_state_has_a_public_status_and_every_status_a_state():
    assert set(PUBLIC) == states_of(Subject.PAYMENT)
    assert {*PUBLIC.values(), "initiated"} == set(PaymentStatus.__args__)


def test_the_published_events_are_those_that_the_contract_lists():
    assert {one.event for one in TRANSITIONS if one.event} == set(EventType.__args__)


def test_the_database_accepts_exactly_these_states():
    sql = (files("orchestrator") / "migrations/versions/0001_payments.py").read_text()
    checks = [set(re.findall(r"'(\w+)'", found)) for found in re.findall(r"CHECK \(state IN \(([^)]*)\)", sql)]
    operations = set[State]().union(*(states_of(one) for one in Subject if one not in (Subject.PAYMENT, Subject.SETUP)))
    assert checks == [{s.value for s in states_of(Subject.PAYMENT)}, {s.value for s in operations}]
