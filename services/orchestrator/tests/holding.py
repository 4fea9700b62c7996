"""A payment, its provider's service and the provider's book in one walk: the service holds what it was sent as long as it likes."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from hypothesis import strategies as st
from told import ALL, APPROVED, CANCELED, RETURNED, TO_APPROVE, UNKNOWN, Told

from malipo import clock, ids
from malipo.contracts.commands import CancelPayment, CapturePayment, RefundPayment
from malipo.contracts.identity import charge_id
from malipo.contracts.outcomes import Authorized, Canceled, Declined, Outcome, OutcomeReported, Pending, Succeeded
from malipo.contracts.provider_commands import (
    Cancel,
    Capture,
    Charge,
    Confirm,
    ProviderMessage,
    Query,
    Refund,
    Withdraw,
)
from malipo.money import Money
from orchestrator import decisions
from orchestrator.states import State, Subject, Trigger

ProviderOperation = Charge | Confirm | Capture | Cancel | Refund
HOW = st.sampled_from(["done", "done", "asks", "pending", "refused", "lost", "silent", "silent"])
AMOUNTS = st.sampled_from([None, None, 400, 600])
STEPS = st.one_of(
    st.tuples(st.just("work"), HOW),
    st.tuples(st.just("run"), HOW),
    st.tuples(st.just("deliver")),
    st.tuples(st.just("tell")),
    st.tuples(st.just("callback")),
    st.tuples(st.just("settle"), st.booleans()),
    st.tuples(st.just("bank")),
    st.tuples(st.just("lose")),
    st.tuples(st.just("overdue"), st.sampled_from([1, 1, 20])),
    st.tuples(st.just("decide"), st.booleans(), st.sampled_from([Trigger.DECIDED_COMPLETED, Trigger.DECIDED_FAILED])),
    st.tuples(st.just("refund"), AMOUNTS),
    st.tuples(st.just("capture"), AMOUNTS),
    st.tuples(st.just("cancel")),
)
"""`deliver`: all that was sent arrives; `run`: so it does, and the first of what is open is carried out; `tell`: all that was
answered is told; `work`: both; `lose`: what was sent and has not arrived is gone; `bank`: the customer's takes the money back."""


@dataclass(slots=True)
class Held:
    """What the service has recorded and has not ended yet."""

    command: ProviderMessage
    also_answers: int = 0


class Book:
    """What the provider knows: how the charge stands, what was taken, and each refund, by its operation."""

    def __init__(self) -> None:
        self.charge: str | None = None
        self.taken_minor = 0
        self.refunds: dict[str, tuple[int, str]] = {}
        self.carried_out: set[str] = set()
        self.refused: set[str] = set()
        self.failed: set[str] = set()  # of which a person has said that they have failed
        self.honest = True

    @property
    def refunded_minor(self) -> int:
        return sum(minor for minor, how in self.refunds.values() if how != "bounced")

    def take(self, command: ProviderOperation, how: str) -> Outcome:
        """What the provider does about a request, and answers. A request that it has had already has no effect."""
        operation_id = command.operation_id
        if how != "silent" and operation_id not in self.carried_out | self.refused:
            if how == "refused" or not self._is_possible(command):
                self.refused.add(operation_id)
            else:
                self._carry_out(command, how)
        if how in ("silent", "lost"):
            return UNKNOWN
        return self.shows(command) if operation_id in self.carried_out else Declined(code="refused")

    def shows(self, command: ProviderOperation) -> Outcome:
        """How what was carried out stands now."""
        if isinstance(command, Refund):
            minor, how = self.refunds[command.operation_id]
            reference = f"re_{command.operation_id}"
            if how == "pending":
                return Pending(reference=reference)
            bounced = Declined(code="bounced", reference=reference)
            return bounced if how == "bounced" else Succeeded(amount=Money(minor, "USD"), reference=reference)
        return self.shows_charge()

    def shows_charge(self) -> Outcome:
        """How the charge stands now."""
        match self.charge:
            case "asks":
                return TO_APPROVE
            case "held":
                return Authorized(amount=ALL, reference="pi")
            case "taken":
                return Succeeded(amount=Money(self.taken_minor, "USD"), reference="pi")
            case "back":
                return RETURNED
            case _:
                return CANCELED

    def settle(self, *, well: bool) -> None:
        """Have what is pending end."""
        ended = "done" if well else "bounced"
        self.refunds = {
            name: (minor, ended if how == "pending" else how) for name, (minor, how) in self.refunds.items()
        }

    def _is_possible(self, command: ProviderOperation) -> bool:
        match command:
            case Charge():
                return self.charge is None
            case Confirm():
                return self.charge == "asks"
            case Capture():
                return self.charge == "held"
            case Cancel():
                return self.charge is not None
            case Refund():
                return self.charge in ("taken", "back")  # one that does not look

    def _carry_out(self, command: ProviderOperation, how: str) -> None:
        is_cancel = isinstance(command, Cancel)
        assert is_cancel or command.operation_id not in self.failed, "it was sent after a person had it failed"
        self.carried_out.add(command.operation_id)
        match command:
            case Charge(capture=capture) | Confirm(capture=capture):
                asks = isinstance(command, Charge) and how == "asks"
                self.charge = "asks" if asks else "held" if capture == "manual" else "taken"
                self.taken_minor = ALL.amount_minor if self.charge == "taken" else 0
            case Capture():
                self.charge, self.taken_minor = "taken", command.amount.amount_minor
            case Cancel():
                self.charge = self.charge if self.charge in ("taken", "back") else "void"
            case Refund():
                self.refunds[command.operation_id] = command.amount.amount_minor, how
                assert not self.honest or self.refunded_minor <= self.taken_minor, "more went back than was taken"


class Service:
    """The provider's service: what it is sent runs in its order, each as late as the walk will have it."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.book = Book()
        self.arriving: deque[ProviderMessage] = deque()
        self.open: list[Held] = []
        self.known: dict[str, ProviderOperation | None] = {}
        self.ended: dict[str, Outcome] = {}
        self.reports: deque[OutcomeReported] = deque()

    def deliver(self) -> None:
        """Record what was sent: a query is dropped if the operation, or a query of it, is open, whose end then answers it."""
        while self.arriving:
            self._record(self.arriving.popleft())

    def run(self, how: str) -> None:
        """Carry out the first of what is open."""
        self.deliver()
        if not self.open:
            return
        held = self.open[0]
        command = held.command
        if isinstance(command, Query):
            outcome = self._ask(command, how)
        elif isinstance(command, Charge | Confirm) and self.now >= command.expires_at:
            outcome = Declined(code="expired")
        else:
            outcome = self.book.take(command, how)
        self._end(held, outcome, command.step)

    def _record(self, command: ProviderMessage) -> None:
        about_it = [one for one in self.open if one.command.operation_id == command.operation_id]
        match command:
            case Withdraw():
                for one in [one for one in about_it if not isinstance(one.command, Query)]:
                    self._end(one, Canceled(), command.step)
            case Query() if about_it:
                about_it[-1].also_answers = command.step
            case Query():
                self.open.append(Held(command))
            case _ if command.operation_id not in self.known:
                self.known[command.operation_id] = command
                self.open.append(Held(command))
            case _:
                pass  # a repeat

    def _ask(self, query: Query, how: str) -> Outcome:
        """What becomes known of the operation: a query may repeat the request."""
        command = self.known.setdefault(query.operation_id, None)
        if command is None:
            return Declined(code="never_sent")
        ended = self.ended.get(query.operation_id)
        if isinstance(ended, Declined | Canceled):
            return ended
        if query.only_read:
            return self.book.shows(command) if command.operation_id in self.book.carried_out else UNKNOWN
        return self.book.take(command, how)

    def _end(self, held: Held, outcome: Outcome, step: int) -> None:
        self.open.remove(held)
        command, asked = held.command, isinstance(held.command, Query)
        if not asked:
            self.ended[command.operation_id] = outcome
        kind = command.kind if isinstance(command, Query) else type(command).__name__.lower()
        report = OutcomeReported(
            payment_id=command.payment_id, operation_id=command.operation_id, kind=kind, provider="stripe",
            outcome=outcome, source="query" if asked else "attempt", step=step, observed_at=self.now,
            also_answers=held.also_answers,
        )  # fmt: skip
        self.reports.append(report)


class HeldWalk(Told):
    """A payment whose commands reach its provider when the walk has them do so."""

    def __init__(self, *, honest: bool, **changes) -> None:
        self.service = Service(clock.now())
        self.book.honest = honest
        super().__init__(**changes)

    @property
    def book(self) -> Book:
        return self.service.book

    def keep(self, fold) -> list:
        self.service.arriving += [one for one in fold.messages if isinstance(one, ProviderMessage)]
        return super().keep(fold)

    def step(self, step) -> None:
        match step:
            case ("work", how):
                self.work(how)
            case ("deliver",):
                self.service.deliver()
            case ("run", how):
                self.service.run(how)
            case ("tell",):
                self.tell()
            case ("overdue", minutes):
                self.pass_time(minutes)
            case ("decide", of_payment, trigger):
                self.have_decided(trigger, of_payment=of_payment)
            case _:
                self.step_of_others(step)

    def step_of_others(self, step) -> None:
        """What the provider does of itself, and what the merchant asks for."""
        match step:
            case ("callback",) if self.book.charge == "asks":
                self.report(APPROVED)
            case ("callback",) if self.book.charge:
                self.report(self.book.shows_charge())
            case ("settle", well):
                self.book.settle(well=well)
            case ("bank",) if self.book.charge == "taken":
                self.book.charge = "back"
                self.report(RETURNED)
            case ("lose",):
                self.service.arriving.clear()
            case ("bank",):
                pass  # there is nothing to take
            case ("callback",):
                pass  # there is nothing to tell
            case _:
                self.request(*step)

    def work(self, how: str) -> None:
        self.service.run(how)
        self.tell()

    def tell(self) -> None:
        while self.service.reports:
            self.handle(self.service.reports.popleft())

    def pass_time(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        self.service.now = self.now
        for subject_id in [subject_id for subject_id, due in self.payment.timers.items() if due]:
            self.overdue(subject_id)

    def request(self, what: str, amount_minor: int | None = None) -> None:
        match what:
            case "refund":
                self.handle(RefundPayment(payment_id=self.id, refund_id=ids.new("ref"), amount_minor=amount_minor))
            case "capture":
                self.handle(CapturePayment(payment_id=self.id, capture_id=ids.new("cap"), amount_minor=amount_minor))
            case "cancel":
                self.handle(CancelPayment(payment_id=self.id, cancel_id=ids.new("can")))

    def have_decided(self, trigger: Trigger, *, of_payment: bool) -> None:
        """Have a person decide about the payment or what is under way; an honest one as the book has it."""
        live = self.payment.live(Subject.REFUND, Subject.CAPTURE)
        operation = live[-1] if live and not of_payment else None
        if self.book.honest:
            trigger = Trigger.DECIDED_COMPLETED if self.is_in_book(operation) else Trigger.DECIDED_FAILED
        try:
            decisions._check(self.payment, operation, trigger)
        except decisions.Impossible:
            return
        if trigger is Trigger.DECIDED_FAILED:
            self.book.failed |= {operation.id} if operation else self.takers()
        self.decide(trigger, operation)

    def is_in_book(self, operation) -> bool:
        if operation is None:
            return self.book.charge == "taken"
        if operation.subject is Subject.REFUND:
            return self.book.refunds.get(operation.id, (0, "bounced"))[1] != "bounced"
        return operation.id in self.book.carried_out

    def takers(self) -> set[str]:
        """What takes the payment's money."""
        captures = {one.id for one in self.payment.operations.values() if one.subject is Subject.CAPTURE}
        return {charge_id(self.id, 1), self.payment.awaited_id} | captures

    def come_to_rest(self) -> None:
        """Have everything arrive, be carried out and told, and all be asked about that is waited for; what is held is released."""
        for _ in range(30):
            self.book.settle(well=True)
            if self.payment.state is State.AUTHORIZED:
                self.request("cancel")
            while self.service.arriving or self.service.open or self.service.reports:
                self.work("done")
            self.pass_time(60)
