"""One payment that is told what happens to it, without a database: everything that was sent of it, and its steps."""

from datetime import timedelta

from malipo import clock, ids
from malipo.contracts.commands import CreatePayment
from malipo.contracts.events import PaymentTransitioned
from malipo.contracts.identity import charge_id
from malipo.contracts.outcomes import (
    ActionRequired,
    Approval,
    Approved,
    Canceled,
    Declined,
    OutcomeReported,
    Reversed,
    Succeeded,
    Unknown,
)
from malipo.contracts.provider_commands import Query
from malipo.money import Money
from orchestrator import handlers
from orchestrator.advance import Fold
from testkit.operations import card

ALL, PART = Money(1000, "USD"), Money(400, "USD")
PAID, RETURNED = Succeeded(amount=ALL, reference="pi"), Reversed(code="account_closed", reference="pi")
DECLINED, CANCELED = Declined(code="card_declined", reference="pi"), Canceled(reference="pi")
UNKNOWN, APPROVED = Unknown(reason="timeout"), Approved(reference="pi")
TO_APPROVE = ActionRequired(action=Approval("https://pay.test"), reference="pi")


class Told:
    """One payment, everything that was sent of it, and its steps."""

    def __init__(self, **changes) -> None:
        self.id, self.now, self.sent = ids.new("pay"), clock.now(), []
        values = {
            "payment_id": self.id, "merchant_id": "mer_1", "mode": "test", "amount": ALL, "method": card("pm_1"),
            "capture": "automatic", "config_version": 1, "configured": ("stripe",), "expires_at": self.now + timedelta(minutes=15),
        }  # fmt: skip
        create = CreatePayment(**values | changes)
        self.payment = handlers.new_payment(create, {}, self.now)
        self.handle(create)

    def fold(self, source="callback", **more) -> Fold:
        return Fold(self.payment, self.now, source, "msg_1", **more)

    def handle(self, message) -> list:
        fold = self.fold(getattr(message, "source", "callback"), observed_at=getattr(message, "observed_at", None))
        handlers._decide_or_refuse(fold, message)
        return self.keep(fold)

    def keep(self, fold) -> list:
        self.sent += fold.messages
        return fold.messages

    def report(self, outcome, operation_id=None, kind="charge", source="callback", observed_at=None, step=None) -> list:
        return self.handle(
            OutcomeReported(
                payment_id=self.id, operation_id=operation_id or charge_id(self.id, 1), kind=kind, provider="stripe",
                outcome=outcome, source=source, step=step or self.step_of(source), observed_at=observed_at or self.now,
            )
        )  # fmt: skip

    def step_of(self, source) -> int:
        """The step of the last query for an answer to it; else that of the first command."""
        return self.of(Query)[-1].step if source == "query" and self.of(Query) else 1

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

    def assign(self, reference="QK1") -> list:
        """Have a person find money of the whole amount to be this payment's."""
        fold = self.fold("operator", because="The receipt names it.")
        fold.assign(ALL, reference)
        return self.keep(fold)

    def contradicts(self, outcome) -> bool:
        """Whether the provider's report of this is recorded as a contradiction."""
        return any(one.contradiction for one in self.report(outcome) if isinstance(one, PaymentTransitioned))
