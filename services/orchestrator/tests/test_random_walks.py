"""Payments under random sequences of commands, outcomes, repeats, disorder and deadlines keep the promise."""

from collections import Counter
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from malipo import clock, ids
from malipo.contracts.commands import CancelPayment, CapturePayment, CreatePayment, RefundPayment
from malipo.contracts.events import PaymentTransitioned
from malipo.contracts.identity import charge_id
from malipo.contracts.outcomes import (
    ActionRequired,
    Authorized,
    Canceled,
    Declined,
    OutcomeReported,
    Pending,
    Redirect,
    Succeeded,
    Unknown,
)
from malipo.contracts.provider_commands import Cancel, Charge, ProviderMessage, Query, Refund
from malipo.money import Money
from orchestrator import handlers
from orchestrator.advance import Fold
from orchestrator.machine import DECIDED, State, Subject
from orchestrator.resending import Resend
from testkit.operations import card

AMOUNT = 1000
PAY = ids.new("pay")
NUMBERED = {f"{kind}{n}": ids.new(kind[:3]) for kind in ("refund", "capture", "cancel") for n in "123"}
USD = "USD"
OUTCOMES = st.sampled_from(
    [
        *[Succeeded(amount=Money(minor, USD), reference="pi") for minor in (1, 400, AMOUNT, 5 * AMOUNT)],
        Succeeded(amount=Money(AMOUNT, "JPY"), reference="pi"),
        Authorized(amount=Money(5 * AMOUNT, USD), reference="pi"),
        Succeeded(amount=Money(AMOUNT, USD), reference="pi"),
        Authorized(amount=Money(AMOUNT, USD), reference="pi"),
        Declined(code="card_declined", reference="pi"),
        Canceled(reference="pi"),
        Pending(reference="pi"),
        ActionRequired(action=Redirect("https://bank.test"), reference="pi"),
        Succeeded(amount=Money(AMOUNT, USD)),
        Authorized(amount=Money(AMOUNT, USD)),
        ActionRequired(action=Redirect("https://bank.test")),
        Unknown(reason="silence"),
    ]
)
OPERATIONS = st.sampled_from(["1", "2", "3"])
STEPS = st.one_of(
    st.tuples(st.just("charge"), OUTCOMES),
    st.tuples(st.sampled_from(["refund", "capture", "cancel"]), OPERATIONS, OUTCOMES),
    st.tuples(st.just("request refund"), OPERATIONS, st.integers(1, 2 * AMOUNT) | st.none()),
    st.tuples(st.just("request capture"), OPERATIONS, st.integers(1, 2 * AMOUNT) | st.none()),
    st.tuples(st.just("request cancel"), OPERATIONS),
    st.tuples(st.just("overdue"), st.sampled_from([timedelta(), timedelta(minutes=20)])),
)


class Walk:
    """One payment with everything that it sent."""

    def __init__(self, *, manual: bool) -> None:
        create = CreatePayment(
            payment_id=PAY,
            merchant_id="mer",
            mode="test",
            amount=Money(AMOUNT, USD),
            method=card("pm"),
            capture="manual" if manual else "automatic",
            config_version=1,
        )
        self.now = clock.now()
        self.payment = handlers.new_payment(create, {}, self.now)
        self.sent = []
        self.repeated = []
        self.states = []
        self.handle(create)

    def handle(self, message) -> None:
        if self.payment.step and Resend().answers(self.payment, message):
            return
        fold = Fold(self.payment, self.now, "attempt", "msg")
        try:
            handlers._decide(fold, message)
        except handlers.Refused as refused:
            self.sent.append(refused)
        self.sent += fold.messages
        self.states.append(self.payment.state)

    def overdue(self) -> None:
        for subject in [s for s, due in self.payment.timers.items() if due]:
            fold = Fold(self.payment, self.now, "deadline", "msg")
            fold.overdue(subject)
            self.sort_out_repeats(fold.messages)
        self.states.append(self.payment.state)

    def step(self, step) -> None:
        match step:
            case ("charge", outcome):
                self.handle(self.report("charge", charge_id(PAY, 1), outcome))
            case ("refund" | "capture" | "cancel" as kind, number, outcome):
                if NUMBERED[f"{kind}{number}"] in self.payment.operations:
                    self.handle(self.report(kind, NUMBERED[f"{kind}{number}"], outcome))
            case ("request refund", number, amount):
                self.handle(RefundPayment(payment_id=PAY, refund_id=NUMBERED[f"refund{number}"], amount_minor=amount))
            case ("request capture", number, amount):
                self.handle(
                    CapturePayment(payment_id=PAY, capture_id=NUMBERED[f"capture{number}"], amount_minor=amount)
                )
            case ("request cancel", number):
                self.handle(CancelPayment(payment_id=PAY, cancel_id=NUMBERED[f"cancel{number}"]))
            case ("overdue", time):
                self.now += time
                self.overdue()

    def report(self, kind, operation_id, outcome):
        return OutcomeReported(
            payment_id=PAY,
            operation_id=operation_id,
            kind=kind,
            provider="stripe",
            outcome=outcome,
            source="callback",
            step=1,
            observed_at=clock.now(),
        )

    def sort_out_repeats(self, messages) -> None:
        """A command ahead of the query about its operation is a repeat, which must equal the command that was sent first."""
        next_messages = [*messages[1:], None]
        for message, following in zip(messages, next_messages, strict=True):
            repeats = isinstance(following, Query) and following.operation_id == getattr(message, "operation_id", None)
            (self.repeated if repeats else self.sent).append(message)

    def of(self, kind):
        return [message for message in self.sent if isinstance(message, kind)]


@settings(max_examples=600, deadline=None)
@given(manual=st.booleans(), steps=st.lists(STEPS, max_size=25))
def test_a_payment_keeps_the_promise_whatever_comes_in_whatever_order(manual, steps):
    walk = Walk(manual=manual)
    for step in steps:
        walk.step(step)
        payment = walk.payment
        assert payment.captured_minor <= AMOUNT, "more was captured than requested"
        assert payment.refundable_minor >= 0, "refunds pass what was captured"
        waiting = {subject for subject, due in payment.timers.items() if due}
        assert (payment.id in waiting) == (payment.state not in DECIDED), "a payment waits without a deadline"
        for operation in payment.operations.values():
            assert (operation.id in waiting) == operation.live, "an operation waits without a deadline"
        if payment.state in DECIDED:
            assert not payment.live(Subject.CAPTURE, Subject.CANCEL), "something still changes a charge that has ended"
        assert len(payment.live(Subject.CAPTURE, Subject.CANCEL)) <= 1, "two change one charge"
        if payment.cancelable:
            deferred = [o for o in payment.live(Subject.CANCEL) if o.state is State.WAITING]
            assert not deferred, "a cancel waits though it can be sent"

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
        one for one in transitions if one.operation is None and not one.contradiction and State(one.to_state) in DECIDED
    ]
    assert len(ends) <= 1, "a payment ended twice"
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
        if step[0] in ("charge", "refund", "capture", "cancel"):
            twice.step(step)
    assert twice.payment.state == once.payment.state
    assert twice.payment.captured_minor == once.payment.captured_minor
    assert len(twice.of(Refund)) == len(once.of(Refund))
    assert len(twice.of(Charge)) == 1


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


def test_a_late_contradiction_is_recorded_and_changes_nothing():
    walk = Walk(manual=False)
    walk.step(("charge", Declined(code="card_declined")))
    walk.step(("charge", Succeeded(amount=Money(AMOUNT, USD), reference="pi")))
    assert walk.payment.state is State.FAILED
    assert walk.payment.captured_minor == 0
    last = walk.of(PaymentTransitioned)[-1]
    assert last.contradiction
    assert last.cause.trigger == "succeeded"
    assert last.public_event is None
