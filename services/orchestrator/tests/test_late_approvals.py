"""A customer who agrees after the end of the intent pays nothing, and the payment ends all the same: no approval is kept."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from told import APPROVED, CANCELED, PAID, TO_APPROVE, UNKNOWN, Told

from malipo import ids
from malipo.contracts.commands import CancelPayment
from malipo.contracts.events import PaymentTransitioned
from malipo.contracts.outcomes import Unknown
from malipo.contracts.provider_commands import Cancel, Charge, Confirm, Query, Withdraw
from orchestrator.machine import DECIDED
from orchestrator.states import State

STEPS = st.sampled_from(["approve", "tell", "carry out", "lose", "wait", "wait long", "tell an old word"])


class Wallet(Told):
    """A payment at a provider where the customer approves an order, and only a confirm that comes in time takes money."""

    def __init__(self) -> None:
        super().__init__()
        self.order, self.taken, self.read, self.words = TO_APPROVE, False, 0, [TO_APPROVE]

    def take(self, step: str) -> None:
        match step:
            case "approve" if self.order is TO_APPROVE:
                self.order = APPROVED
            case "tell":
                self.report(self.order)
            case "tell an old word":
                self.report(self.words[0])
            case "carry out" | "lose" as what:
                self.carry_out(lost=what == "lose")
            case "wait" | "wait long":
                self.now += timedelta(minutes=10 if step == "wait long" else 1)
                self.fire()
        self.words = [*self.words, self.order][-3:]

    def fire(self) -> None:
        for subject_id in [one for one, due in self.payment.timers.items() if due and due <= self.now]:
            self.overdue(subject_id)

    def carry_out(self, *, lost: bool) -> None:
        """Have the provider's service carry out the next command: it sends nothing that takes money after the end."""
        waiting = [
            one for one in self.sent[self.read :] if isinstance(one, Charge | Confirm | Cancel | Query | Withdraw)
        ]
        if not waiting:
            return
        command = waiting[0]
        self.read = next(place for place, one in enumerate(self.sent) if one is command) + 1
        if isinstance(command, Confirm) and self.now < self.payment.expires_at and self.order is APPROVED:
            self.order, self.taken = PAID, True
        if not lost and not isinstance(command, Withdraw):
            self.answer(command)

    def answer(self, command: Charge | Confirm | Cancel | Query) -> None:
        kind = command.kind if isinstance(command, Query) else type(command).__name__.lower()
        outcome = self.order
        if kind == "cancel" and outcome is not PAID:
            outcome = CANCELED  # nobody can take money with it any more
        elif isinstance(command, Confirm) and outcome is not PAID:
            outcome = Unknown(reason="silence")
        source = "query" if isinstance(command, Query) else "attempt"
        self.report(outcome, command.operation_id, kind, source, step=command.step)

    def settle(self) -> None:
        """As long as it lasts: what is due fires, and the provider's service does all that it is told."""
        for _ in range(60):
            if self.payment.state in DECIDED:
                return
            self.now = max([self.now, *(due for due in self.payment.timers.values() if due)])
            self.fire()
            while [
                one for one in self.sent[self.read :] if isinstance(one, Charge | Confirm | Cancel | Query | Withdraw)
            ]:
                self.carry_out(lost=False)


@settings(max_examples=200, deadline=None)
@given(steps=st.lists(STEPS, max_size=25))
def test_an_approval_takes_money_in_time_or_never_and_the_payment_ends_as_the_providers_book_has_it(steps):
    wallet = Wallet()
    for step in steps:
        wallet.take(step)
        for one in wallet.of(Confirm):
            assert one.expires_at == wallet.payment.expires_at
    wallet.settle()
    ended = wallet.payment.state
    assert ended in DECIDED, "it waits for ever"
    assert (ended is State.COMPLETED) == wallet.taken
    confirms = len(wallet.of(Confirm))
    if wallet.order is TO_APPROVE:
        wallet.order = APPROVED
    for source in ("callback", "query"):
        wallet.report(wallet.order, source=source)
    assert wallet.payment.state is ended
    assert len(wallet.of(Confirm)) == confirms, "an approval after the end was confirmed"


def test_an_approval_that_comes_after_the_end_has_the_order_given_up_and_is_told_as_canceled():
    wallet = Wallet()
    wallet.report(TO_APPROVE, source="attempt")
    wallet.now = wallet.payment.expires_at + timedelta(seconds=1)
    wallet.report(APPROVED)
    assert wallet.of(Confirm) == []
    [cancel] = wallet.of(Cancel)
    wallet.report(CANCELED, cancel.operation_id, "cancel", "attempt")
    told = [one.public_event.type for one in wallet.of(PaymentTransitioned) if one.public_event]
    assert told == ["payment.requires_action", "payment.canceled"]
    assert wallet.report(APPROVED) == []


def test_an_approval_that_is_told_again_begins_no_cancel_while_its_confirm_is_in_doubt():
    one = Told()
    one.report(TO_APPROVE, source="attempt")
    one.report(APPROVED, source="query")
    [confirm] = one.of(Confirm)
    one.report(UNKNOWN, confirm.operation_id, "confirm", "attempt")
    one.handle(CancelPayment(payment_id=one.id, cancel_id=ids.new("can")))
    assert one.of(Cancel) == []
    one.report(APPROVED)  # its webhook, late
    one.overdue(one.id)
    assert one.of(Cancel) == []
