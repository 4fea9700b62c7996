"""What a consumer group of a service reads, and the handler that applies it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from malipo.contracts.message import Message
from malipo.contracts.topics import Topic
from malipo.messaging.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Received[M: Message]:
    """One message with what came around it. `headers` are those to hand on to what it causes."""

    message: M
    message_id: str
    topic: str
    key: str
    headers: dict[str, str] = field(default_factory=dict[str, str])


Handler = Callable[[UnitOfWork, Sequence[Received[Message]]], Awaitable[None]]
"""Applies messages within a unit, all of them or by raising none. Called with one batch in the order of Kafka.

It changes nothing but by the unit: what it did is undone when another turns out to have applied a message meanwhile."""


@dataclass(frozen=True)
class Subscription:
    """What one consumer group of a service consumes, and the handler that applies it."""

    name: str
    topics: tuple[Topic, ...]
    handle: Handler
    wants: Callable[[Message], bool] = lambda _: True
    """A message that changes nothing here is dropped without a transaction: it may come again as often as it likes."""
    max_records: int = 500
    pace_seconds: float = 0.0
    """At least so long from one batch to the next: what comes meanwhile is applied together. A first one never waits."""
    gather_seconds: float | None = None
    """Have the broker gather what comes for so long before it answers: for what nobody waits for. None: it answers at once."""
