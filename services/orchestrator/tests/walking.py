"""A payment that is walked through whatever may come to it, without a database."""

from datetime import timedelta

from hypothesis import strategies as st

from malipo import clock, ids
from malipo.contracts.commands import (
    CancelPayment,
    CapturePayment,
    CreatePayment,
    LatePayments,
    PaymentMethod,
    RefundPayment,
)
from malipo.contracts.identity import charge_id
from malipo.contracts.outcomes import (
    AMOUNT_MISMATCH,
    ActionRequired,
    Approval,
    Approved,
    Authorized,
    Canceled,
    Declined,
    OperationOpened,
    OutcomeReported,
    PaymentReceived,
    Pending,
    Redirect,
    Reversed,
    Succeeded,
    Unknown,
)
from malipo.contracts.provider_commands import (
    Charge,
    Confirm,
    ProviderMessage,
    Query,
    Refund,
    Withdraw,
)
from malipo.money import Money
from orchestrator import decisions, handlers
from orchestrator.advance import Fold
from orchestrator.machine import TABLE
from orchestrator.payment import KINDS
from orchestrator.resending import Resend
from orchestrator.states import State, Subject, Trigger
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
        Unknown(reason=AMOUNT_MISMATCH),
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
    st.tuples(st.just("own"), OUTCOMES),
    st.tuples(st.just("asked of opened"), OPERATIONS, OUTCOMES),
    st.tuples(st.just("assign")),
    st.tuples(st.just("request refund"), OPERATIONS, st.integers(1, 2 * AMOUNT) | st.none()),
    st.tuples(st.just("request capture"), OPERATIONS, st.integers(1, 2 * AMOUNT) | st.none(), st.booleans()),
    st.tuples(st.just("request cancel"), OPERATIONS),
    st.tuples(st.just("overdue"), st.sampled_from([timedelta(), timedelta(minutes=20)])),
)


class Walk:
    """One payment with everything that it sent."""

    def __init__(self, *, manual: bool, late: LatePayments = "keep", several: bool = False) -> None:
        self.begin()
        create = CreatePayment(
            payment_id=PAY,
            merchant_id="mer",
            mode="test",
            amount=Money(AMOUNT, USD),
            method=PaymentMethod(type="paypal") if several else card("pm"),
            configured=("paypal", "stripe"),
            capture="manual" if manual else "automatic",
            config_version=1,
            late_payments=late,
        )
        self.payment = handlers.new_payment(create, {}, self.now)
        self.handle(create)

    def begin(self) -> None:
        self.now = clock.now()
        self.sent = []
        self.repeated = []
        self.sent_in_order = []
        self.states = []
        self.taken = False
        self.out = set()
        self.there = set()

    def handle(self, message) -> None:
        if self.payment.step and Resend().answers(self.payment, message):
            return
        self.keep_out(message)
        fold = Fold(self.payment, self.now, "attempt", "msg")
        try:
            handlers._decide(fold, message)
        except handlers.Refused as refused:
            self.sent.append(refused)
        self.sent += fold.messages
        self.keep_sent(fold.messages)
        for one in fold.messages:
            if isinstance(one, Withdraw) and one.kind != "refund":
                assert one.operation_id == self.payment.awaited_id, "a cancel stops what is not awaited"
        if any(isinstance(one, Refund) for one in fold.messages):
            assert self.reserved <= self.payment.captured_minor, "refunds pass what was captured"
        if any(isinstance(one, Confirm) for one in fold.messages):
            assert self.now < self.payment.expires_at, "a charge is confirmed after the end of the intent"
            assert not self.payment.live(Subject.CANCEL), "a charge is confirmed while it is canceled"
        self.states.append(self.payment.state)

    @property
    def reserved(self) -> int:
        """What refunds that were begun here hold of the money: also those that have failed, if they may still be sent."""
        refunds = [one for one in self.payment.operations.values() if one.subject is Subject.REFUND]
        ours = [one for one in refunds if one.opened_by != "provider"]
        return sum(one.amount_minor for one in ours if one.state is not State.FAILED or one.id in self.out)

    def keep_out(self, message) -> None:
        """A refund that is reported about waits nowhere any more; one that the provider has is never sent again."""
        match message:
            case OutcomeReported(kind="refund", operation_id=refund_id, outcome=outcome):
                self.out.discard(refund_id)
                if isinstance(outcome, Pending | Succeeded):
                    self.there.add(refund_id)

    def keep_sent(self, messages) -> None:
        """A refund that was sent, or is asked about, may still be sent until it is reported about."""
        self.sent_in_order += [one for one in messages if isinstance(one, ProviderMessage)]
        about = {one.operation_id for one in messages if isinstance(one, Refund | Query)}
        self.out |= {one for one in about if one in self.payment.operations} - self.there

    def overdue(self) -> None:
        for subject in [s for s, due in self.payment.timers.items() if due]:
            fold = Fold(self.payment, self.now, "deadline", "msg")
            fold.overdue(subject)
            self.keep_sent(fold.messages)
            self.sort_out_repeats(fold.messages)
        self.states.append(self.payment.state)

    def step(self, step) -> None:
        match step:
            case ("charge", outcome):
                self.handle(self.report("charge", charge_id(PAY, 1), outcome))
            case ("confirm", number, outcome) if number <= self.payment.confirms:
                self.handle(self.report("confirm", f"{PAY}.1.c{number}", outcome))
            case ("refund" | "capture" | "cancel" as kind, number, outcome) if self.has(f"{kind}{number}"):
                self.handle(self.report(kind, NUMBERED[f"{kind}{number}"], outcome))
            case (str() as request, number, *amount) if request.startswith("request "):
                self.request(request, number, *amount)
            case ("overdue", time):
                self.now += time
                self.overdue()
            case _:
                self.step_of_others(step)

    def step_of_others(self, step) -> None:
        """What no merchant has asked for: of Malipo's own operations, of those begun at the provider, and by persons."""
        match step:
            case ("own", outcome):
                for own in [o for o in self.payment.operations.values() if o.opened_by == "malipo"]:
                    self.handle(self.report(KINDS[own.subject], own.id, outcome))
            case ("opened", number, amount, outcome):
                self.handle(opened(number, amount, outcome))
            case ("asked of opened", number, outcome):
                for one in [o for o in self.payment.operations.values() if o.reference == f"re_{number}"]:
                    self.handle(self.report("refund", one.id, outcome))
            case ("decide", name, trigger):
                self.decide(NUMBERED.get(name), trigger)
            case ("assign",):
                self.assign()

    def has(self, name: str) -> bool:
        return NUMBERED[name] in self.payment.operations

    def request(self, request: str, number: str, amount: int | None = None, final: bool = True) -> None:
        operation_id = NUMBERED[f"{request.removeprefix('request ')}{number}"]
        match request:
            case "request refund":
                self.handle(RefundPayment(payment_id=PAY, refund_id=operation_id, amount_minor=amount))
            case "request capture":
                capture = CapturePayment(payment_id=PAY, capture_id=operation_id, amount_minor=amount, final=final)
                self.handle(capture)
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

    def assign(self) -> None:
        """Have a person find money in suspense to be this payment's, where that is possible."""
        if (Subject.PAYMENT, self.payment.state, Trigger.DECIDED_COMPLETED) not in TABLE:
            return
        fold = Fold(self.payment, self.now, "operator", "operator:jo", because="The receipt names it.")
        fold.assign(Money(AMOUNT, USD), "QK1")
        self.sent += fold.messages
        self.taken = True

    def report(self, kind, operation_id, outcome):
        return OutcomeReported(
            payment_id=PAY,
            operation_id=operation_id,
            kind=kind,
            provider="stripe",
            outcome=outcome,
            source="attempt" if kind == "confirm" else "query",
            step=self.payment.step,
            also_answers=self.payment.step,
            observed_at=clock.now(),
        )

    def sort_out_repeats(self, messages) -> None:
        """A command ahead of the query about its operation is a repeat, which must equal the command that was sent first."""
        next_messages = [*messages[1:], None][: len(messages)]  # none of a deadline that another has ended
        for message, following in zip(messages, next_messages, strict=True):
            repeats = isinstance(following, Query) and following.operation_id == getattr(message, "operation_id", None)
            (self.repeated if repeats else self.sent).append(message)

    def of(self, kind):
        return [message for message in self.sent if isinstance(message, kind)]


class Received(Walk):
    """A payment that is money which came without one."""

    def __init__(self) -> None:
        self.begin()
        report = PaymentReceived(
            payment_id=PAY, merchant_id="mer", mode="test", provider="stripe", account="till", method="card",
            reference="QK1", amount=Money(AMOUNT, USD), account_reference="order 7", received_at=self.now,
            observed_at=self.now,
        )  # fmt: skip
        self.payment = handlers.received_payment(report, {}, self.now)
        self.handle(report)


def opened(number: str, amount: int, outcome) -> OperationOpened:
    return OperationOpened(
        payment_id=PAY, kind="refund", provider="stripe", reference=f"re_{number}", amount=Money(amount, USD),
        outcome=outcome, opened_at=OPENED_AT, observed_at=clock.now(),
    )  # fmt: skip
