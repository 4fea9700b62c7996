"""Payments under random sequences of commands, outcomes, repeats, disorder and deadlines keep the promise."""

from collections import Counter
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from malipo import clock, ids
from malipo.contracts.commands import CancelPayment, CapturePayment, CreatePayment, LatePayments, RefundPayment
from malipo.contracts.events import PaymentTransitioned
from malipo.contracts.identity import charge_id
from malipo.contracts.outcomes import (
    ActionRequired,
    Approval,
    Approved,
    Authorized,
    Canceled,
    Declined,
    OperationOpened,
    OutcomeReported,
    Pending,
    Redirect,
    Reversed,
    Succeeded,
    Unknown,
)
from malipo.contracts.provider_commands import Cancel, Charge, Confirm, ProviderMessage, Query, Refund
from malipo.money import Money
from orchestrator import decisions, handlers
from orchestrator.advance import Fold
from orchestrator.machine import DECIDED, State, Subject, Trigger
from orchestrator.resending import Resend
from testkit.operations import card

AMOUNT = 1000
PAY = ids.new("pay")
NUMBERED = {f"{kind}{n}": ids.new(kind[:3]) for kind in ("refund", "capture", "cancel") for n in "123"}
USD = "USD"
OPENED_AT = clock.now()
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
        Pending(reference="pi", check_after=5),
        Approved(reference="pi"),
        Approved(),
        Reversed(code="account_closed", reference="pi"),
        ActionRequired(action=Redirect("https://bank.test"), reference="pi"),
        ActionRequired(action=Approval("https://pay.test"), reference="pi"),
        Succeeded(amount=Money(AMOUNT, USD)),
        Authorized(amount=Money(AMOUNT, USD)),
        ActionRequired(action=Redirect("https://bank.test")),
        Unknown(reason="silence"),
    ]
)
OPERATIONS = st.sampled_from(["1", "2", "3"])
STEPS = st.one_of(
    st.tuples(st.just("charge"), OUTCOMES),
    st.tuples(st.just("confirm"), st.integers(1, 2), OUTCOMES),
    st.tuples(st.just("opened"), OPERATIONS, st.sampled_from([1, AMOUNT]), OUTCOMES),
    st.tuples(
        st.just("decide"),
        st.sampled_from(["payment", *NUMBERED]),
        st.sampled_from([Trigger.DECIDED_COMPLETED, Trigger.DECIDED_FAILED]),
    ),
    st.tuples(st.sampled_from(["refund", "capture", "cancel"]), OPERATIONS, OUTCOMES),
    st.tuples(st.just("request refund"), OPERATIONS, st.integers(1, 2 * AMOUNT) | st.none()),
    st.tuples(st.just("request capture"), OPERATIONS, st.integers(1, 2 * AMOUNT) | st.none()),
    st.tuples(st.just("request cancel"), OPERATIONS),
    st.tuples(st.just("overdue"), st.sampled_from([timedelta(), timedelta(minutes=20)])),
)


class Walk:
    """One payment with everything that it sent."""

    def __init__(self, *, manual: bool, late: LatePayments = "keep") -> None:
        create = CreatePayment(
            payment_id=PAY,
            merchant_id="mer",
            mode="test",
            amount=Money(AMOUNT, USD),
            method=card("pm"),
            capture="manual" if manual else "automatic",
            config_version=1,
            late_payments=late,
        )
        self.now = clock.now()
        self.payment = handlers.new_payment(create, {}, self.now)
        self.sent = []
        self.repeated = []
        self.states = []
        self.taken = False
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
        if any(isinstance(one, Refund) for one in fold.messages):
            ours = [
                o for o in self.payment.operations.values() if o.subject is Subject.REFUND and o.opened_by != "provider"
            ]
            reserved = sum(o.amount_minor for o in ours if o.state is not State.FAILED)
            assert reserved <= self.payment.captured_minor, "refunds pass what was captured"
        if any(isinstance(one, Confirm) for one in fold.messages):
            assert self.now < self.payment.expires_at, "a charge is confirmed after the end of the intent"
            assert not self.payment.live(Subject.CANCEL), "a charge is confirmed while it is canceled"
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
            case ("confirm", number, outcome) if number <= self.payment.confirms:
                self.handle(self.report("confirm", f"{PAY}.1.c{number}", outcome))
            case ("opened", number, amount, outcome):
                self.handle(opened(number, amount, outcome))
            case ("decide", name, trigger):
                self.decide(NUMBERED.get(name), trigger)
            case ("refund" | "capture" | "cancel" as kind, number, outcome) if self.has(f"{kind}{number}"):
                self.handle(self.report(kind, NUMBERED[f"{kind}{number}"], outcome))
            case (str() as request, number, *amount) if request.startswith("request "):
                self.request(request, number, *amount)
            case ("overdue", time):
                self.now += time
                self.overdue()

    def has(self, name: str) -> bool:
        return NUMBERED[name] in self.payment.operations

    def request(self, request: str, number: str, amount: int | None = None) -> None:
        operation_id = NUMBERED[f"{request.removeprefix('request ')}{number}"]
        match request:
            case "request refund":
                self.handle(RefundPayment(payment_id=PAY, refund_id=operation_id, amount_minor=amount))
            case "request capture":
                self.handle(CapturePayment(payment_id=PAY, capture_id=operation_id, amount_minor=amount))
            case "request cancel":
                self.handle(CancelPayment(payment_id=PAY, cancel_id=operation_id))

    def keep_book(self, step) -> None:
        """Whether the provider's book has money of the charge; a person who decides has looked into it."""
        match step:
            case ("charge", Succeeded(amount=Money(minor, "USD"))) if minor <= AMOUNT:
                self.taken = True
            case ("confirm", number, Succeeded(amount=Money(minor, "USD"))) if minor <= AMOUNT:
                self.taken = self.taken or number <= self.payment.confirms
            case ("decide", *_):
                self.taken = False

    def decide(self, operation_id: str | None, trigger: Trigger) -> None:
        operation = self.payment.operations.get(operation_id or "")
        if operation_id is not None and operation is None:
            return
        try:
            decisions._check(self.payment, operation, trigger)
        except decisions.Impossible:
            return
        fold = Fold(self.payment, self.now, "operator", "operator:jo", because="The book shows it.")
        fold.decide(trigger, operation)
        self.sent += fold.messages
        assert not [one for one in fold.messages if isinstance(one, Charge | Confirm | Refund)]

    def report(self, kind, operation_id, outcome):
        return OutcomeReported(
            payment_id=PAY,
            operation_id=operation_id,
            kind=kind,
            provider="stripe",
            outcome=outcome,
            source="attempt" if kind == "confirm" else "callback",
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
@given(manual=st.booleans(), late=st.sampled_from(["keep", "refund"]), steps=st.lists(STEPS, max_size=25))
def test_a_payment_keeps_the_promise_whatever_comes_in_whatever_order(manual, late, steps):
    walk = Walk(manual=manual, late=late)
    for step in steps:
        walk.step(step)
        payment = walk.payment
        walk.keep_book(step)
        if walk.taken:
            assert payment.state in (State.COMPLETED, State.RETURNED), "the book has money, and the payment has none"
        assert payment.captured_minor <= AMOUNT, "more was captured than requested"
        assert payment.refundable_minor >= 0
        waiting = {subject for subject, due in payment.timers.items() if due}
        assert (payment.id in waiting) == (payment.state not in DECIDED), "a payment waits without a deadline"
        for operation in payment.operations.values():
            assert (operation.id in waiting) == operation.live, "an operation waits without a deadline"
        if payment.state in DECIDED:
            assert not payment.live(Subject.CAPTURE, Subject.CANCEL), "something still changes a charge that has ended"
        assert len(payment.live(Subject.CAPTURE, Subject.CANCEL)) <= 1, "two change one charge"
        assert payment.confirms == len(walk.of(Confirm))
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


def opened(number: str, amount: int, outcome) -> OperationOpened:
    return OperationOpened(
        payment_id=PAY, kind="refund", provider="stripe", reference=f"re_{number}", amount=Money(amount, USD),
        outcome=outcome, opened_at=OPENED_AT, observed_at=clock.now(),
    )  # fmt: skip
