"""A charge that is captured in parts agrees with its provider's book, whatever is repeated, lost, late or out of order."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from walking import AMOUNT, PAY, USD, Walk

from malipo import ids
from malipo.contracts.commands import CancelPayment, CapturePayment
from malipo.contracts.events import PaymentTransitioned
from malipo.contracts.identity import charge_id
from malipo.contracts.outcomes import Authorized, Canceled, Declined, Pending, Succeeded, Unknown
from malipo.contracts.provider_commands import Cancel, Capture
from malipo.money import Money
from orchestrator.payment import KINDS
from orchestrator.states import State, Subject

CHARGE = charge_id(PAY, 1)
WHICH = st.integers(0, 7)
FATES = st.sampled_from(["answered", "lost", "pending", "not there yet"])
STEPS = st.one_of(
    st.tuples(st.just("capture"), FATES, st.sampled_from([1, 400, 600, None]), st.booleans()),
    st.tuples(st.just("capture"), FATES, st.sampled_from([1, 300]), st.just(value=False)),
    st.tuples(st.just("cancel"), FATES),
    st.tuples(st.sampled_from(["carry out", "tell", "keep for later", "deliver"]), WHICH),
    st.tuples(st.sampled_from(["tell of charge", "keep of charge"]), st.booleans()),
    st.tuples(st.just("void and tell"), st.booleans()),
    st.tuples(st.just("overdue")),
)


@dataclass
class Book:
    """An authorization at the provider: what was carried out of it, and how each operation ended."""

    ended: bool = False
    voided: bool = False
    captured: dict[str, int] = field(default_factory=dict[str, int])
    done: set[str] = field(default_factory=set[str])
    ends: dict[str, object] = field(default_factory=dict[str, object])

    @property
    def sum_minor(self) -> int:
        return sum(self.captured.values())

    def void(self) -> None:
        self.voided, self.ended = self.voided or not self.ended, True

    def carry_out(self, command) -> None:
        """Once each: a command that comes again changes nothing."""
        if command.operation_id in self.ends:
            return
        if isinstance(command, Cancel):
            if not self.ended or self.voided:
                self.done.add(command.operation_id)
            self.void()
            self.ends[command.operation_id] = self.charge(bare=len(self.ends) % 2 == 0)
        elif self.ended or self.sum_minor + command.amount.amount_minor > AMOUNT:
            self.ends[command.operation_id] = Declined(code="authorization_voided", reference="pi")
        else:
            self.captured[command.operation_id] = command.amount.amount_minor
            self.done.add(command.operation_id)
            self.ended = command.final
            self.ends[command.operation_id] = Succeeded(amount=command.amount, reference="pi")

    def charge(self, *, bare: bool):
        """How the charge stands; `bare`: that the rest was released may be told without what was captured."""
        if not self.ended:
            return Authorized(amount=Money(AMOUNT, USD), reference="pi")
        if self.sum_minor and not (bare and self.voided):
            return Succeeded(amount=Money(self.sum_minor, USD), reference="pi")
        return Canceled(reference="pi")


class PartWalk(Walk):
    """One payment, its provider's book, and the reports that come later than they were made."""

    def __init__(self) -> None:
        super().__init__(manual=True, several=True)
        self.book, self.late = Book(), []
        self.handle(self.of_charge(bare=False))

    @property
    def commands(self):
        return [one for one in self.sent_in_order if isinstance(one, Capture | Cancel)]

    def take(self, step) -> None:
        match step:
            case ("capture" | "cancel" as kind, fate, *how):
                self.operate(kind, fate, *how)
            case ("carry out" | "tell" | "keep for later" as what, which) if self.commands:
                self.about(what, self.commands[which % len(self.commands)])
            case ("deliver", which) if self.late:
                self.handle(self.late[which % len(self.late)])
            case ("tell of charge" | "void and tell" as what, bare):
                if what == "void and tell":
                    self.book.void()
                self.handle(self.of_charge(bare=bare))
            case ("keep of charge", bare):
                self.late.append(self.of_charge(bare=bare))
            case ("overdue",):
                self.now = max([due for due in self.payment.timers.values() if due], default=self.now)
                self.overdue()

    def operate(self, kind, fate, amount=None, final=True) -> None:
        """Ask for it; what becomes of it if it is sent is its fate."""
        name, before = ids.new(kind[:3]), len(self.commands)
        if kind == "capture":
            self.handle(CapturePayment(payment_id=PAY, capture_id=name, amount_minor=amount, final=final))
        else:
            self.handle(CancelPayment(payment_id=PAY, cancel_id=name))
        for command in self.commands[before:]:
            if fate in ("answered", "lost"):
                self.book.carry_out(command)
            if fate == "pending":
                self.handle(self.report(kind, command.operation_id, Pending(reference="pi")))
            elif fate != "not there yet":
                self.handle(self.of_operation(command, Unknown(reason="silence") if fate == "lost" else None))

    def about(self, what, command) -> None:
        if what == "carry out":
            self.book.carry_out(command)
        elif what == "tell":
            self.handle(self.of_operation(command))
        else:
            self.late.append(self.of_operation(command))

    def of_operation(self, command, outcome=None):
        kind = "capture" if isinstance(command, Capture) else "cancel"
        found = outcome or self.book.ends.get(command.operation_id, Unknown(reason="no trace"))
        return self.report(kind, command.operation_id, found)

    def of_charge(self, *, bare):
        return self.report("charge", CHARGE, self.book.charge(bare=bare))

    def settle(self) -> None:
        """Everything is carried out and reported once more, as the daily queries would."""
        for command in self.commands:
            self.book.carry_out(command)
        for _ in range(2):
            for one in self.payment.live(Subject.CAPTURE, Subject.CANCEL):
                if one.id in self.book.ends:
                    self.handle(self.report(KINDS[one.subject], one.id, self.book.ends[one.id]))
            self.handle(self.of_charge(bare=False))


@settings(max_examples=300, deadline=None)
@given(steps=st.lists(STEPS, max_size=20))
def test_a_charge_that_is_captured_in_parts_agrees_with_the_book_in_the_end_and_is_never_ahead_of_it(steps):
    walk = PartWalk()
    for step in steps:
        walk.take(step)
        assert walk.payment.captured_minor <= walk.book.sum_minor, "more is told than the book has"
        assert len(walk.payment.live(Subject.CAPTURE, Subject.CANCEL)) <= 1, "two change one charge"
        without_money = walk.payment.state in (State.CANCELED, State.FAILED)
        assert not (without_money and walk.payment.captured_minor), "what was captured is told as nothing"
    walk.settle()
    payment, book = walk.payment, walk.book
    assert payment.captured_minor == book.sum_minor
    ended = State.COMPLETED if book.sum_minor else State.CANCELED
    assert payment.state is (ended if book.ended else State.AUTHORIZED)
    for one in payment.operations.values():
        assert not one.live, "something still changes the charge"
        assert (one.state is State.COMPLETED) == (one.id in book.done), "it is told otherwise than the book has it"
    assert not [one for one in walk.of(PaymentTransitioned) if one.contradiction], "a true report is a contradiction"
