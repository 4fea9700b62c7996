"""What comes after a payment's end, or beside a person's decision: the book is followed, and nothing is sent twice."""

from datetime import timedelta

import pytest

from malipo import clock, ids
from malipo.contracts.commands import CapturePayment, CreatePayment, RefundPayment
from malipo.contracts.events import PaymentTransitioned
from malipo.contracts.identity import charge_id
from malipo.contracts.outcomes import Authorized, Canceled, Declined, OutcomeReported, Reversed, Succeeded
from malipo.contracts.provider_commands import Query, Refund
from malipo.money import Money
from orchestrator import handlers
from orchestrator.advance import Fold
from orchestrator.machine import State, Trigger
from testkit.operations import card

ALL, PART = Money(1000, "USD"), Money(400, "USD")
PAID, RETURNED = Succeeded(amount=ALL, reference="pi"), Reversed(code="account_closed", reference="pi")
DECLINED, CANCELED = Declined(code="card_declined", reference="pi"), Canceled(reference="pi")


class Told:
    """One payment, everything that was sent of it, and its steps."""

    def __init__(self, **changes) -> None:
        self.id, self.now, self.sent = ids.new("pay"), clock.now(), []
        values = {
            "payment_id": self.id, "merchant_id": "mer_1", "mode": "test", "amount": ALL, "method": card("pm_1"),
            "capture": "automatic", "config_version": 1, "expires_at": self.now + timedelta(minutes=15),
        }  # fmt: skip
        create = CreatePayment(**values | changes)
        self.payment = handlers.new_payment(create, {}, self.now)
        self.handle(create)

    def fold(self, source="callback", **more) -> Fold:
        return Fold(self.payment, self.now, source, "msg_1", **more)

    def handle(self, message) -> list:
        fold = self.fold()
        handlers._decide_or_refuse(fold, message)
        return self.keep(fold)

    def keep(self, fold) -> list:
        self.sent += fold.messages
        return fold.messages

    def report(self, outcome, operation_id=None, kind="charge", source="callback") -> list:
        return self.handle(
            OutcomeReported(
                payment_id=self.id, operation_id=operation_id or charge_id(self.id, 1), kind=kind, provider="stripe",
                outcome=outcome, source=source, step=1, observed_at=self.now,
            )
        )  # fmt: skip

    def decide(self, trigger, operation=None) -> list:
        fold = self.fold("operator", because="The book shows it.")
        fold.decide(trigger, operation)
        return self.keep(fold)

    def overdue(self, subject_id) -> list:
        fold = self.fold("deadline")
        fold.overdue(subject_id)
        return self.keep(fold)

    def of(self, kind) -> list:
        return [one for one in self.sent if isinstance(one, kind)]

    @property
    def last(self) -> PaymentTransitioned:
        return self.of(PaymentTransitioned)[-1]


@pytest.mark.parametrize("end", [DECLINED, CANCELED])
def test_a_late_payment_that_its_bank_took_back_is_returned_and_never_refunded_too(end):
    told = Told(late_payments="refund")
    for outcome in (end, RETURNED, PAID):
        told.report(outcome)
    assert (told.payment.state, told.payment.captured_minor) == (State.RETURNED, 0)
    assert (told.last.public_event.type, told.last.contradiction) == ("payment.returned", False)
    assert told.of(Refund) == []


@pytest.mark.parametrize("anew", [lambda told: told.decide(Trigger.DECIDED_COMPLETED), lambda told: told.report(PAID)])
def test_a_persons_mistake_that_is_undone_gives_nothing_back(anew):
    told = Told(late_payments="refund")
    told.report(PAID)
    told.decide(Trigger.DECIDED_FAILED)
    anew(told)
    assert (told.payment.state, told.payment.captured_minor) == (State.COMPLETED, 1000)
    assert told.last.public_event.type == "payment.corrected"
    assert told.of(Refund) == []


def test_a_persons_decision_that_money_came_late_gives_nothing_back():
    told = Told(late_payments="refund")
    told.report(DECLINED)
    told.decide(Trigger.DECIDED_COMPLETED)
    assert told.of(Refund) == []


def test_a_refund_that_waits_is_not_sent_anew_once_its_payment_went_back():
    told, refund_id = Told(), ids.new("ref")
    told.report(PAID)
    told.handle(RefundPayment(payment_id=told.id, refund_id=refund_id))
    told.report(RETURNED)
    told.now += timedelta(seconds=61)
    sent = told.overdue(refund_id)
    assert [one for one in sent if isinstance(one, Refund)] == []
    assert [one.operation_id for one in sent if isinstance(one, Query)] == [refund_id]


def test_a_payment_captured_in_part_has_that_part_again_when_a_wrong_decision_is_undone():
    told, capture_id = Told(capture="manual"), ids.new("cap")
    told.report(Authorized(amount=ALL, reference="pi"))
    told.handle(CapturePayment(payment_id=told.id, capture_id=capture_id, amount_minor=400))
    told.report(Succeeded(amount=PART, reference="pi"), capture_id, "capture")
    told.decide(Trigger.DECIDED_FAILED)
    told.decide(Trigger.DECIDED_COMPLETED)
    assert (told.payment.captured_minor, told.payment.refundable_minor) == (400, 400)
