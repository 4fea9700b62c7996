"""Payments under random sequences of commands, words, repeats, disorder and deadlines keep the promise."""

from collections import Counter
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from malipo import clock, ids
from malipo.contracts.commands import CancelPayment, CapturePayment, Card, CreatePayment, RefundPayment
from malipo.contracts.events import PaymentTransitioned
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
    st.tuples(st.just("order refund"), OPERATIONS, st.integers(1, 2 * AMOUNT) | st.none()),
    st.tuples(st.just("order capture"), OPERATIONS, st.integers(1, 2 * AMOUNT) | st.none()),
    st.tuples(st.just("order cancel"), OPERATIONS),
    st.tuples(st.just("overdue"), st.sampled_from([timedelta(), timedelta(minutes=20)])),
)


class Walk:
    """One payment with everything it said."""

    def __init__(self, *, manual: bool) -> None:
        create = CreatePayment(
            payment_id=PAY,
            merchant_id="mer",
            mode="test",
            amount=Money(AMOUNT, USD),
            method=Card("pm"),
            capture="manual" if manual else "automatic",
            config_version=1,
        )
        self.now = clock.now()
        self.payment = handlers.new_payment(create, {}, self.now)
        self.said = []
        self.repeated = []
        self.states = []
        self.handle(create)

    def handle(self, message) -> None:
        if self.payment.step and Resend().answers(self.payment, message):
            return
        fold = Fold(self.payment, self.now, "answer", "msg")
        try:
            handlers._decide(fold, message)
        except handlers.Refused as refused:
            self.said.append(refused)
        self.said += fold.messages
        self.states.append(self.payment.state)

    def overdue(self) -> None:
        for subject in [s for s, due in self.payment.timers.items() if due]:
            fold = Fold(self.payment, self.now, "deadline", "msg")
            fold.overdue(subject)
            self.hear_questions(fold.messages)
        self.states.append(self.payment.state)

    def step(self, step) -> None:
        match step:
            case ("charge", outcome):
                self.handle(self.word("charge", PAY, outcome))
            case ("refund" | "capture" | "cancel" as kind, number, outcome):
                if NUMBERED[f"{kind}{number}"] in self.payment.operations:
                    self.handle(self.word(kind, NUMBERED[f"{kind}{number}"], outcome))
            case ("order refund", number, amount):
                self.handle(RefundPayment(payment_id=PAY, refund_id=NUMBERED[f"refund{number}"], amount_minor=amount))
            case ("order capture", number, amount):
                self.handle(
                    CapturePayment(payment_id=PAY, capture_id=NUMBERED[f"capture{number}"], amount_minor=amount)
                )
            case ("order cancel", number):
                self.handle(CancelPayment(payment_id=PAY, cancel_id=NUMBERED[f"cancel{number}"]))
            case ("overdue", time):
                self.now += time
                self.overdue()

    def word(self, kind, operation_id, outcome):
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

    def hear_questions(self, messages) -> None:
        """An order in front of the question about it is a repeat, which must be the order that was given."""
        behind = [*messages[1:], None]
        for message, question in zip(messages, behind, strict=True):
            repeats = isinstance(question, Query) and question.operation_id == getattr(message, "operation_id", None)
            (self.repeated if repeats else self.said).append(message)

    def of(self, kind):
        return [message for message in self.said if isinstance(message, kind)]


@settings(max_examples=600, deadline=None)
@given(manual=st.booleans(), steps=st.lists(STEPS, max_size=25))
def test_a_payment_keeps_the_promise_whatever_comes_in_whatever_order(manual, steps):
    walk = Walk(manual=manual)
    for step in steps:
        walk.step(step)
        payment = walk.payment
        assert payment.captured_minor <= AMOUNT, "more was captured than ordered"
        assert payment.refundable_minor >= 0, "refunds pass what was captured"
        waiting = {subject for subject, due in payment.timers.items() if due}
        assert (payment.id in waiting) == (payment.state not in DECIDED), "a payment waits without a deadline"
        for operation in payment.operations.values():
            assert (operation.id in waiting) == operation.live, "an operation waits without a deadline"
        if payment.state in DECIDED:
            assert not payment.live(Subject.CAPTURE, Subject.CANCEL), "something still changes a charge that has ended"
        assert len(payment.live(Subject.CAPTURE, Subject.CANCEL)) <= 1, "two change one charge"
        if payment.cancelable:
            wishes = [o for o in payment.live(Subject.CANCEL) if o.state is State.WAITING]
            assert not wishes, "a cancel waits though it can be ordered"

    steps_told = walk.of(PaymentTransitioned)
    assert len(walk.of(Charge)) == 1, "a charge was sent twice"
    assert max(Counter(order.operation_id for order in walk.of(Cancel)).values(), default=0) <= 1
    assert max(Counter(refund.operation_id for refund in walk.of(Refund)).values(), default=0) <= 1
    for order in walk.repeated:
        [first] = [one for one in walk.of(type(order)) if one.operation_id == order.operation_id]
        assert replace(order, step=0) == replace(first, step=0), "another order than the first was sent again"
    assert [told.step for told in steps_told] == list(range(1, len(steps_told) + 1))
    announced = [told.public_event for told in steps_told if told.public_event]
    assert [event.sequence for event in announced] == list(range(1, len(announced) + 1))
    ends = [t for t in steps_told if t.operation is None and not t.contradiction and State(t.to_state) in DECIDED]
    assert len(ends) <= 1, "a payment ended twice"
    into_doubt = [
        t for t in steps_told if t.operation is None and t.to_state == "in_doubt" and t.from_state != "in_doubt"
    ]
    assert len(walk.of(Query)) >= len(into_doubt)
    ordered = [(command.step, type(command).__name__.lower()) for command in walk.of(ProviderMessage)]
    assert ordered == [(told.step, told.sent) for told in steps_told if told.sent], "a step sent something else"
    for told in steps_told:
        undecided = not told.contradiction and State(told.to_state) not in DECIDED
        assert (told.deadline is not None) == undecided, "a step without the deadline of what it led to"


@settings(max_examples=200, deadline=None)
@given(steps=st.lists(STEPS, max_size=20))
def test_taking_every_word_twice_moves_no_more_money(steps):
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
