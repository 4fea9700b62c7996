"""The bank's book: what was booked on customers' accounts, and each payment's line."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from malipo_simulators.bank.objects.models import Payment, Status
from malipo_simulators.kit.book import Book
from malipo_simulators.kit.shapes import Json


class EffectKind(StrEnum):
    """`debit` is a payment's money leaving, when it is completed; `return` the same money coming back."""

    DEBIT = "debit"
    RETURN = "return"


class Direction(StrEnum):
    DEBIT = "debit"
    CREDIT = "credit"


class EntryKind(StrEnum):
    """As statements call it."""

    TRANSFER = "transfer"
    RETURN = "return"
    FEE = "fee"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an account's statement; `amount` is in cents and never negative. A fee has no payment."""

    id: str
    at: datetime
    direction: Direction
    amount: int
    kind: EntryKind
    text: str
    payment: Payment | None = None

    @property
    def signed(self) -> int:
        return self.amount if self.direction is Direction.CREDIT else -self.amount


@dataclass(frozen=True, slots=True)
class Effect:
    """One line of the book: the money of a payment that left its account, or came back."""

    seq: int
    kind: EffectKind
    payment: Payment
    entry: Entry

    @property
    def account(self) -> str:
        return self.payment.debtor_account_id

    @property
    def payment_id(self) -> str:
        return self.payment.id

    def as_json(self) -> Json:
        return {
            "seq": self.seq,
            "account": self.account,
            "kind": self.kind,
            "payment": self.payment.id,
            "entry": self.entry.id,
            "rail": self.payment.rail_name,
            "amount": self.entry.amount,
            "currency": self.payment.currency,
            "end_to_end_id": self.payment.end_to_end_id,
            "remittance": self.payment.remittance,
            "idempotency_key": self.payment.idempotency_key,
            "at": int(self.entry.at.timestamp()),
        }


type BankBook = Book[Payment, Effect]


def total_of(account: str, payment: Payment) -> Json:
    has_left = payment.status in (Status.COMPLETED, Status.RETURNED)
    return {
        "payment": payment.id,
        "account": account,
        "rail": payment.rail_name,
        "status": payment.status,
        "amount": payment.amount,
        "debited": payment.amount if has_left else 0,
        "returned": payment.amount if payment.status is Status.RETURNED else 0,
        "currency": payment.currency,
        "created": int(payment.created_at.timestamp()),
        **payment.metadata,
    }
