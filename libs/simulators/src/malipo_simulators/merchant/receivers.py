"""The merchant's state: each receiver's secrets and behaviour, and every request that came."""

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

MAX_REMEMBERED = 50_000
MAX_RECEIVERS = 1_000


class BehaviourKind(StrEnum):
    OK = "ok"
    FAIL = "fail"
    HANG = "hang"
    REDIRECT = "redirect"
    GONE = "gone"
    TOO_MANY = "too_many"
    SLOW = "slow"


class Behaviour(BaseModel):
    """What to answer. After `times` requests (left out: for ever) it is ok again."""

    model_config = ConfigDict(extra="forbid")

    kind: BehaviourKind = BehaviourKind.OK
    status: Annotated[int, Field(ge=200, le=599)] | None = Field(
        default=None, description="For fail (500), redirect (302)."
    )
    times: Annotated[int, Field(ge=1)] | None = None
    seconds: Annotated[float, Field(ge=0, le=600)] | None = Field(
        default=None, description="hang: how long (60), slow: how long (1), too_many: the Retry-After (1)."
    )
    location: str | None = Field(default=None, description="redirect: where to.")


class Secrets(BaseModel):
    """One secret, or several while they are rotated."""

    model_config = ConfigDict(extra="forbid")

    secret: str | None = None
    secrets: list[str] = []

    def all(self) -> list[str]:
        return [*([self.secret] if self.secret else []), *self.secrets]


class Received(BaseModel):
    """One request that came. `sequence` and `payment_id` are read from the event's `data`; of a method that is saved without a
    payment it is the method's id.
    """

    name: str
    id: str | None
    type: str | None
    sequence: int | None
    payment_id: str | None
    verified: bool
    refused_because: str | None
    received_at: str
    headers: dict[str, str]
    body: object
    answered: int | None = Field(
        default=None, description="The status given; none yet, or the connection was left hanging."
    )


@dataclass(slots=True)
class Receiver:
    secrets: list[str] = field(default_factory=list[str])
    behaviour: Behaviour = field(default_factory=Behaviour)

    def next_behaviour(self) -> Behaviour:
        """What to do with the request at hand; counts `times` down."""
        now = self.behaviour
        if now.times is not None:
            left = now.times - 1
            self.behaviour = now.model_copy(update={"times": left}) if left else Behaviour()
        return now


class Mailbox:
    """Remembers the newest so many requests, found by payment without a scan; counts what it had to drop."""

    def __init__(self, limit: int = MAX_REMEMBERED) -> None:
        self._limit = limit
        self._all: deque[Received] = deque()
        self._by_payment: dict[str, deque[Received]] = {}
        self.count = 0
        self.dropped = 0

    def add(self, received: Received) -> None:
        self.count += 1
        self._all.append(received)
        if received.payment_id is not None:
            self._by_payment.setdefault(received.payment_id, deque()).append(received)
        if len(self._all) > self._limit:
            self._drop_oldest()

    def find(self, name: str | None, payment_id: str | None) -> list[Received]:
        """In order of arrival."""
        candidates = self._all if payment_id is None else self._by_payment.get(payment_id, ())
        return [one for one in candidates if name in (None, one.name)]

    def _drop_oldest(self) -> None:
        self.dropped += 1
        oldest = self._all.popleft()
        if oldest.payment_id is not None:
            same = self._by_payment[oldest.payment_id]
            same.popleft()
            if not same:
                del self._by_payment[oldest.payment_id]


class Receivers:
    """All receivers by name. One that was not configured exists, too, without a secret: nothing that it gets verifies."""

    def __init__(self) -> None:
        self._named: dict[str, Receiver] = {}
        self.mailbox = Mailbox()

    def named(self, name: str) -> Receiver:
        """Raise OverflowError at 1000 names."""
        if name not in self._named and len(self._named) >= MAX_RECEIVERS:
            raise OverflowError(MAX_RECEIVERS)
        return self._named.setdefault(name, Receiver())

    def reset(self) -> None:
        self._named.clear()
        self.mailbox = Mailbox()

    def __len__(self) -> int:
        return len(self._named)
