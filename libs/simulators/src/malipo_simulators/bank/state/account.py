"""A customer of the bank, and the accounts it pays from."""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import date, datetime

from malipo_simulators.bank.objects.models import UNDER_WAY, Payment
from malipo_simulators.bank.rails import bank_date
from malipo_simulators.bank.state.book import Entry
from malipo_simulators.bank.state.idempotency import IdempotencyStore


class Account:
    """One account that is debited; money is in cents. `payments` are by `end_to_end_id`, `entries` in the order of booking."""

    def __init__(self, account_id: str, customer_id: str, opening_balance: int) -> None:
        self.id = account_id
        self.customer_id = customer_id
        self.opening_balance = opening_balance
        self.balance = opening_balance
        self.payments: dict[str, Payment] = {}
        self.entries: list[Entry] = []
        self._set_aside: dict[str, int] = {}
        self._aside = 0

    @property
    def available(self) -> int:
        """The balance without what is on its way out."""
        return self.balance - self._aside

    def book(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.balance += entry.signed

    def set_aside(self, payment: Payment) -> None:
        """The money of a payment that has changed, while it is on its way, and no longer."""
        self._aside -= self._set_aside.pop(payment.id, 0)
        if payment.status in UNDER_WAY:
            self._set_aside[payment.id] = payment.amount
            self._aside += payment.amount

    def balance_before(self, day: date) -> int:
        earlier = (entry.signed for entry in self.entries if bank_date(entry.at) < day)
        return self.opening_balance + sum(earlier)

    def entries_of(self, day: date) -> list[Entry]:
        return [entry for entry in self.entries if bank_date(entry.at) == day]


class Customer:
    """Whoever authenticates as `id`, by whichever credentials. `changes` has each payment at every time it changed."""

    def __init__(self, customer_id: str) -> None:
        self.id = customer_id
        self.accounts: dict[str, Account] = {}
        self.keys = IdempotencyStore()
        self._times: list[datetime] = []
        self._changed: list[Payment] = []

    def note(self, payment: Payment) -> None:
        """It has changed, at its `updated_at`: never earlier than what was noted before."""
        self._times.append(payment.updated_at)
        self._changed.append(payment)

    def changed_after(self, moment: datetime | None) -> Iterator[Payment]:
        """Each once, in the order of their latest changes."""
        start = bisect_right(self._times, moment) if moment else 0
        for index in range(start, len(self._times)):
            if self._changed[index].updated_at == self._times[index]:
                yield self._changed[index]
