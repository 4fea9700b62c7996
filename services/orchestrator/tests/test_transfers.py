"""A transfer is `initiated` until its bank works on it, tells when that is, and can be canceled at the bank meanwhile."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from told import Told
from transferring import BACK, DONE, GOES_AT, HELD, SILENCE, TAKEN, TRANSFER, WORKS, events, statuses, transfer

from malipo import ids
from malipo.contracts.commands import CancelPayment, Transfer
from malipo.contracts.events import CommandRefused, PaymentTransitioned
from malipo.contracts.outcomes import Canceled, Declined, Pending
from malipo.contracts.provider_commands import Cancel, Charge, Refund, Withdraw
from malipo.money import Money
from orchestrator.machine import DECIDED
from orchestrator.states import State
from orchestrator.views import payment_view


def test_its_charge_carries_what_the_recipient_reads():
    [charge] = transfer().of(Charge)
    assert (charge.remittance, charge.method.transfer.rail) == ("Invoice 7", "ACH")


def test_it_is_initiated_until_the_bank_works_on_it_and_its_merchant_is_told_when_that_is():
    told = transfer()
    for outcome in (TAKEN, TAKEN, WORKS, WORKS, DONE, BACK):
        told.report(outcome)
    assert statuses(told) == ["initiated", "processing", "completed", "returned"]
    assert events(told) == ["payment.processing", "payment.completed", "payment.returned"]


def test_one_that_is_worked_on_at_once_is_told_so():
    told = transfer()
    told.report(WORKS)
    assert (statuses(told), events(told)) == (["initiated", "processing"], ["payment.processing"])


def test_a_doubt_before_the_bank_has_begun_is_shown_as_a_reason_and_told_as_nothing_else():
    told = transfer()
    told.report(SILENCE, source="attempt")
    assert told.payment.state is State.IN_DOUBT
    shown = payment_view(told.payment)
    assert (shown.status, shown.status_reason) == ("initiated", "awaiting_provider_confirmation")
    told.report(TAKEN, source="query")
    assert (statuses(told), events(told)) == (["initiated"], [])
    told.report(WORKS)
    assert events(told) == ["payment.processing"]


def test_a_report_of_before_it_began_does_not_take_it_back():
    told = transfer()
    for outcome in (WORKS, TAKEN, WORKS):
        told.report(outcome)
    assert (statuses(told), events(told)) == (["initiated", "processing"], ["payment.processing"])


def test_one_that_is_held_is_processing_for_a_reason_that_ends_when_it_is_released():
    told = transfer()
    for outcome in (TAKEN, HELD, HELD, WORKS):
        told.report(outcome)
    told.report(WORKS, source="query")  # which that callback has made us ask
    steps = [(one.to_state, one.cause.trigger, one.cause.detail) for one in told.of(PaymentTransitioned)][1:]
    assert steps == [
        ("pending", "pending", "AFTER_CUT_OFF"),
        ("pending", "begun", "HELD"),
        ("pending", "pending", None),
    ]
    assert events(told) == ["payment.processing"]


def test_when_it_goes_is_shown_as_the_bank_says_once_it_has():
    told = transfer()
    assert told.last.payment.transfer.execution_at == GOES_AT
    later = GOES_AT + timedelta(days=1)
    told.report(Pending(reference="bp_1", begun=False, execution_at=later))
    told.report(DONE)
    assert told.last.payment.transfer == Transfer(
        rail="ACH", rail_chosen=True, execution_at=later, recipient={"name": "A."}
    )


@pytest.mark.parametrize(("rail", "possible"), [("ACH", "Make a return request"), ("BOOK", "Ask the recipient")])
def test_a_cancel_of_one_that_has_arrived_is_refused_with_what_is_possible_and_that_is_no_refund(rail, possible):
    told = Told(method=replace(TRANSFER, transfer=replace(TRANSFER.transfer, rail=rail)), configured=("bank",))
    told.report(DONE)
    told.handle(CancelPayment(payment_id=told.id, cancel_id=ids.new("can")))
    [refused] = told.of(CommandRefused)
    assert refused.code == "payment_not_cancelable"
    assert "Its money has gone to the recipient." in refused.detail
    assert possible in refused.detail
    assert "efund" not in refused.detail


@pytest.mark.parametrize("late_payments", ["keep", "refund"])
def test_one_that_arrives_after_its_end_is_corrected_and_nothing_tries_to_refund_it(late_payments):
    told = transfer(late_payments=late_payments)
    for outcome in (Declined(code="AC04", reference="bp_1"), DONE):
        told.report(outcome)
    assert events(told) == ["payment.failed", "payment.corrected"]
    assert told.of(Refund) == []


@pytest.mark.parametrize("pending", [TAKEN, HELD, WORKS])
def test_it_is_canceled_at_the_bank_which_knows_whether_it_is_too_late(pending):
    told = transfer()
    told.report(pending)
    cancel_id = ids.new("can")
    told.handle(CancelPayment(payment_id=told.id, cancel_id=cancel_id))
    assert [one.reference for one in told.of(Cancel)] == ["bp_1"]
    if pending is WORKS:
        told.report(Declined(code="not_cancelable"), cancel_id, "cancel", "attempt")
        assert (events(told)[-1], told.payment.state) == ("cancel.failed", State.PENDING)
        told.report(DONE)
        assert told.payment.state is State.COMPLETED
    else:
        told.report(Canceled(reference="bp_1"), cancel_id, "cancel", "attempt")
        assert (events(told)[-1], told.payment.state) == ("payment.canceled", State.CANCELED)


def test_a_cancel_that_finds_less_paid_than_was_ordered_completes_nothing():
    told = transfer(capture="automatic")
    told.report(TAKEN)
    cancel_id = ids.new("can")
    told.handle(CancelPayment(payment_id=told.id, cancel_id=cancel_id))
    told.report(replace(DONE, amount=Money(1, "USD")), cancel_id, "cancel", "attempt")
    assert told.payment.state is State.PENDING
    assert "payment.completed" not in events(told)


def test_a_cancel_that_comes_before_the_bank_has_answered_is_sent_once_it_has():
    told = transfer()
    told.handle(CancelPayment(payment_id=told.id, cancel_id=ids.new("can")))
    assert (len(told.of(Withdraw)), told.of(Cancel)) == (1, [])
    told.report(TAKEN, source="attempt")
    assert len(told.of(Cancel)) == 1


async def test_how_far_it_is_outlasts_the_process(orchestrator, make):
    create = make.create(method=TRANSFER, configured=("bank",), remittance="Invoice 7")
    payment_id = create.payment_id
    await orchestrator.handle(create)
    await orchestrator.handle(make.report(payment_id, TAKEN, provider="bank"))
    row = await orchestrator.payment(payment_id)
    assert (row["begun"], row["pending_reason"], row["remittance"]) == (False, "AFTER_CUT_OFF", "Invoice 7")
    sent = await orchestrator.handle(make.report(payment_id, HELD, provider="bank"))
    assert [one.public_event.type for one in sent] == ["payment.processing"]
    assert (await orchestrator.payment(payment_id))["begun"]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("bank"), st.sampled_from(["begin", "hold", "finish", "return"])),
        st.tuples(st.just("told"), st.sampled_from(["callback", "query", "silence", "late"])),
        st.tuples(st.just("merchant"), st.just("cancel")),
        st.tuples(st.just("time"), st.just("passes")),
    ),
    max_size=20,
)


class Bank:
    """What the bank's book has, and what it has reported before: a report may come again, and late."""

    def __init__(self) -> None:
        self.stands = [TAKEN]

    @property
    def now(self):
        return self.stands[-1]

    def does(self, what: str) -> None:
        under_way = isinstance(self.now, Pending)
        match what:
            case "begin" if under_way:
                self.stands.append(WORKS)
            case "hold" if self.now in (TAKEN, HELD):
                self.stands.append(HELD)
            case "finish" if self.now == WORKS:
                self.stands.append(DONE)
            case "return" if self.now == DONE:
                self.stands.append(BACK)
            case _:
                pass

    def cancel(self):
        if self.now in (TAKEN, HELD):
            self.stands.append(Canceled(reference="bp_1"))
        return self.now if isinstance(self.now, Canceled) else Declined(code="not_cancelable")


class Walk:
    """A transfer and its bank: what the bank does, what of it is told, and how late."""

    def __init__(self) -> None:
        self.told, self.bank = transfer(), Bank()
        self.answered = set[str]()

    def step(self, what: str, how: str) -> None:
        match what:
            case "bank":
                self.bank.does(how)
            case "told":
                self.tell(how)
            case "merchant" if self.told.payment.state not in DECIDED:
                self.told.handle(CancelPayment(payment_id=self.told.id, cancel_id=ids.new("can")))
            case "time":
                self.pass_time()
            case _:
                pass
        self.answer_cancels()

    def tell(self, how: str) -> None:
        if how == "silence":
            self.told.report(SILENCE, source="attempt")
        else:
            late = how == "late"
            self.told.report(self.bank.stands[0 if late else -1], source="callback" if late else how)

    def pass_time(self) -> None:
        self.told.now += timedelta(hours=1)
        for subject in [name for name, due in self.told.payment.timers.items() if due]:
            self.told.overdue(subject)

    def answer_cancels(self) -> None:
        for cancel in [one for one in self.told.of(Cancel) if one.operation_id not in self.answered]:
            self.answered.add(cancel.operation_id)
            self.told.report(self.bank.cancel(), cancel.operation_id, "cancel", "attempt")


@settings(max_examples=150)
@given(STEPS)
def test_whatever_is_lost_late_or_told_twice_it_follows_the_book_and_never_goes_back(steps):
    walk = Walk()
    for what, how in [*steps, ("told", "query")]:
        walk.step(what, how)
    told, now = walk.told, walk.bank.now
    order = ["initiated", "processing", "completed", "returned", "canceled"]
    assert statuses(told) == sorted(statuses(told), key=order.index)
    assert events(told).count("payment.processing") <= 1
    assert len({one.operation_id for one in told.of(Charge)}) == 1
    ends = {DONE: State.COMPLETED, BACK: State.RETURNED, Canceled(reference="bp_1"): State.CANCELED}
    assert told.payment.state is ends.get(now, State.PENDING)
    assert not any(one.contradiction for one in told.of(PaymentTransitioned))
