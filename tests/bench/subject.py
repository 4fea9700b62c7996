"""What a benchmark needs of a system under test: the whole of Malipo, or the bare path."""

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from bench.load import Target
from bench.watch import Watch


@dataclass(frozen=True)
class Endings:
    """By payment id: the Unix seconds at which it was completed and its webhook had been delivered, and the provider's time.

    `provider_ms` is the time of all HTTP exchanges with the provider that led to the end. `webhooks` counts those that were
    answered with 2xx, each once however often it was sent.
    """

    completed: dict[str, float] = field(default_factory=dict[str, float])
    delivered: dict[str, float] = field(default_factory=dict[str, float])
    provider_ms: dict[str, float] = field(default_factory=dict[str, float])
    webhooks: int = 0


@dataclass(frozen=True)
class Counts:
    """Work done so far: messages by topic; transactions, and rows written, by service; and ends by process.

    `ends` are unrequested ones. What a process used is gone with it: the figures of that time are too low.
    """

    messages: dict[str, int] = field(default_factory=dict[str, int])
    transactions: dict[str, int] = field(default_factory=dict[str, int])
    rows: dict[str, int] = field(default_factory=dict[str, int])
    ends: dict[str, int] = field(default_factory=dict[str, int])

    def since(self, before: "Counts") -> "Counts":
        """The work between two counts."""
        return Counts(
            _difference(before.messages, self.messages),
            _difference(before.transactions, self.transactions),
            _difference(before.rows, self.rows),
            _difference(before.ends, self.ends),
        )


class Subject(Protocol):
    """A system that accepts payments by HTTP and notifies the merchant's simulator by webhook."""

    @property
    def targets(self) -> list[Target]:
        """Where payments are sent."""
        ...

    @property
    def roots(self) -> dict[str, list[int]]:
        """The first processes of each part."""
        ...

    def watched(self) -> AbstractContextManager[Watch]:
        """Looks at what it holds, for as long as the block lasts."""
        ...

    def received(self) -> int:
        """Webhook requests that the merchants' receivers have received so far, repeated and refused ones included."""
        ...

    def settled(self, first_payment: str, payments: int) -> bool:
        """Whether nothing of the payments from this one on, so many, is on its way any more."""
        ...

    def endings(self, first_payment: str) -> Endings:
        """When each payment from this one on came to its end, as far as the system knows."""
        ...

    def counts(self) -> Counts:
        """Work done so far."""
        ...


def _difference(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name, 0)}
