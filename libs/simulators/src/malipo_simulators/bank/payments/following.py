"""What follows for a payment by itself, and when: by its rail's clock, and by what is to become of it. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from malipo_simulators.bank.objects.models import Payment, Status
from malipo_simulators.bank.objects.plans import HOLDING, REJECTING, RESEARCHING, Plan
from malipo_simulators.bank.objects.reasons import HELD, RESEARCH, Reason, rejection, returning
from malipo_simulators.bank.rails import ACH_RETURNS, ACH_SETTLES, Calendar, RailName
from malipo_simulators.bank.settings import BankSettings

RETURN_BANKING_DAYS = 2


@dataclass(frozen=True, slots=True)
class Step:
    due: datetime
    to: Status
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Following:
    settings: BankSettings
    calendar: Calendar

    def step(self, payment: Payment) -> Step | None:
        """The next one, counted from the payment's last change. None: it has ended, or waits for a person."""
        match payment.status:
            case Status.INITIATED:
                return self._beginning(payment)
            case Status.HELD:
                return self._released(payment)
            case Status.PROCESSING:
                return self._processed(payment)
            case Status.UNKNOWN:
                due = later(payment, self.settings.research_seconds)
                return None if payment.fate.plan is Plan.RESEARCH else ending(payment, due)
            case Status.COMPLETED:
                return self._coming_back(payment)
            case _:
                return None

    def _beginning(self, payment: Payment) -> Step:
        due = payment.updated_at if payment.rail_name is RailName.BOOK else later(payment, self.settings.begin_seconds)
        if payment.fate.plan in HOLDING:
            return Step(due, Status.HELD, HELD)
        return Step(max(due, payment.execution_at), Status.PROCESSING)

    def _released(self, payment: Payment) -> Step | None:
        if payment.fate.plan is Plan.HOLD:
            return None
        due = later(payment, self.settings.hold_seconds)
        if payment.fate.plan is Plan.HOLD_THEN_REJECT:
            return ending(payment, due)
        return Step(max(due, payment.execution_at), Status.PROCESSING)

    def _processed(self, payment: Payment) -> Step | None:
        fate, due = payment.fate, self._settled(payment)
        if fate.plan is Plan.STAY:
            return None
        return Step(due, Status.UNKNOWN, RESEARCH) if fate.plan in RESEARCHING else ending(payment, due)

    def _settled(self, payment: Payment) -> datetime:
        if payment.fate.after_seconds is not None:
            return later(payment, payment.fate.after_seconds)
        match payment.rail_name:
            case RailName.RTP:
                return later(payment, self.settings.rtp_seconds)
            case RailName.ZELLE:
                return later(payment, self.settings.zelle_seconds)
            case RailName.ACH:
                return self.calendar.banking_days_after(payment.updated_at, 1, ACH_SETTLES)
            case RailName.BOOK:
                return payment.updated_at

    def _coming_back(self, payment: Payment) -> Step | None:
        fate = payment.fate
        if fate.plan is not Plan.RETURN or fate.code is None:
            return None
        return Step(self._back_at(payment), Status.RETURNED, returning(fate.code))

    def _back_at(self, payment: Payment) -> datetime:
        if payment.fate.return_after_seconds is not None:
            return later(payment, payment.fate.return_after_seconds)
        if payment.rail_name is RailName.ZELLE:
            return self.calendar.days_after(payment.updated_at, self.settings.unclaimed_days)
        return self.calendar.banking_days_after(payment.updated_at, RETURN_BANKING_DAYS, ACH_RETURNS)


def later(payment: Payment, seconds: float) -> datetime:
    return payment.updated_at + timedelta(seconds=seconds)


def ending(payment: Payment, due: datetime) -> Step:
    fate = payment.fate
    if fate.plan in REJECTING:
        return Step(due, Status.REJECTED, rejection(fate.code or "NARR"))
    return Step(due, Status.COMPLETED)
