"""A customer of the bank, and the accounts it pays from."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime

from malipo_simulators.bank.objects.models import UNDER_WAY, Payment
from malipo_simulators.bank.rails import bank_date
from malipo_simulators.bank.state.book import Entry
from malipo_simulators.bank.state.keys import Keys


@dataclass(slots=True, eq=False)
class Account:
    """One account that is debited. `entries` are what was booked, in order; money is in cents."""

    id: str
    customer_id: str
    opening_balance: int
    entries: list[Entry] = field(default_factory=list[Entry])
    payments: dict[str, Payment] = field(default_factory=dict[str, Payment])
    """By `end_to_end_id`."""

    @property
    def balance(self) -> int:
        return self.opening_balance + sum(entry.signed for entry in self.entries)

    @property
    def available(self) -> int:
        """The balance without what is on its way out."""
        return self.balance - sum(one.amount for one in self.payments.values() if one.status in UNDER_WAY)

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
        self.keys = Keys()
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
