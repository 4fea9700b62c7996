"""A simulator's own book, its ledger: what really happened to money, whatever the API answered."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from malipo_simulators.kit.shapes import Json


class Payment(Protocol):
    """What money moves for. `metadata` is what a test finds it by: pairs of the client's, a reference, a phone number."""

    @property
    def id(self) -> str: ...
    @property
    def metadata(self) -> dict[str, str]: ...


class Effect(Protocol):
    """One movement of money, in the provider's own terms; `seq` counts from 1 without gaps."""

    @property
    def seq(self) -> int: ...
    @property
    def account(self) -> str: ...
    @property
    def payment_id(self) -> str: ...
    def as_json(self) -> Json: ...


@dataclass(frozen=True, slots=True)
class BookFilter:
    """Which part of the book to read; nothing set means all of it."""

    metadata: dict[str, str]
    account: str | None = None
    payment_id: str | None = None
    after_seq: int = 0


class Book[P: Payment, E: Effect]:
    """Append-only and complete on purpose: it is the proof a test compares everything else with.

    `total_of` makes a payment's line, of its account's id and itself.
    """

    def __init__(self, total_of: Callable[[str, P], Json]) -> None:
        self._total_of = total_of
        self._effects: list[E] = []
        self._payments: dict[str, tuple[str, P]] = {}
        self._effects_of: dict[str, list[E]] = {}
        self._by_metadata: dict[tuple[str, str], list[str]] = {}

    @property
    def count(self) -> int:
        return len(self._effects)

    @property
    def next_seq(self) -> int:
        return len(self._effects) + 1

    def open(self, account: str, payment: P) -> None:
        """From now on the payment is totalled and found, also if it never moves money."""
        self._payments[payment.id] = (account, payment)
        for pair in payment.metadata.items():
            self._by_metadata.setdefault(pair, []).append(payment.id)

    def merge_metadata(self, payment: P, metadata: dict[str, str]) -> None:
        """Merge pairs into a payment's, and find it by them from now on. An empty value removes its key."""
        for key, value in metadata.items():
            if value == "":
                payment.metadata.pop(key, None)
            elif payment.metadata.get(key) != value:
                payment.metadata[key] = value
                self._by_metadata.setdefault((key, value), []).append(payment.id)

    def record(self, effect: E) -> None:
        """Write down that money moved, under `next_seq`, for a payment that was opened."""
        self._effects.append(effect)
        self._effects_of.setdefault(effect.payment_id, []).append(effect)

    def effects(self, wanted: BookFilter) -> Iterator[Json]:
        """In the order they happened."""
        for effect in self._candidates(wanted):
            if effect.seq > wanted.after_seq and wanted.account in (None, effect.account):
                yield effect.as_json()

    def totals(self, wanted: BookFilter) -> Iterator[Json]:
        """One line for each payment, in the order of creation, also for those that moved no money."""
        for payment_id in self._chosen(wanted):
            account, payment = self._payments[payment_id]
            if wanted.account in (None, account):
                yield self._total_of(account, payment)

    def with_metadata(self, pairs: dict[str, str]) -> list[str]:
        """The ids of payments that carry all of these pairs now, in order of creation."""
        candidates = dict.fromkeys(self._by_metadata.get(next(iter(pairs.items())), []))
        return [one for one in candidates if self._has(one, pairs)]

    def find(self, payment_id: str) -> tuple[str, P] | None:
        """The account's id and the payment."""
        return self._payments.get(payment_id)

    def _candidates(self, wanted: BookFilter) -> list[E]:
        if not wanted.metadata and wanted.payment_id is None:
            return self._effects[wanted.after_seq :]
        found = [effect for payment_id in self._chosen(wanted) for effect in self._effects_of.get(payment_id, [])]
        return sorted(found, key=lambda effect: effect.seq)

    def _chosen(self, wanted: BookFilter) -> list[str]:
        if wanted.payment_id is not None:
            return [wanted.payment_id] if wanted.payment_id in self._payments else []
        if not wanted.metadata:
            return list(self._payments)
        return self.with_metadata(wanted.metadata)

    def _has(self, payment_id: str, pairs: dict[str, str]) -> bool:
        metadata = self._payments[payment_id][1].metadata
        return all(metadata.get(key) == value for key, value in pairs.items())
