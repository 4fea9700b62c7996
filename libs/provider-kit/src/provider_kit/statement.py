"""An account's statement as its provider shows it: for how long, how late, and which stretch of it is to be read next. Pure."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from provider_kit.credentials import Account
from provider_kit.provider import Credentials, ParsedCallback


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time of a statement, both ends included. What is not before `again_from` is read by a later look once more."""

    since: datetime
    until: datetime
    again_from: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a provider shows its statements, and how often they are looked at.

    `window`: how far back it shows anything. `lateness`: how long after its time a transaction may show at first; a new
    account begins that long ago. `longest`: the longest stretch of one look, longer than `lateness`. `every`: how long
    after one look an account is looked at again; `soonest`: where a callback has hinted at news, or there is more to read.
    `again`: how long after its time all is read once more, for what showed later than that.
    """

    window: timedelta
    lateness: timedelta
    longest: timedelta
    every: timedelta
    soonest: timedelta
    again: timedelta

    def __post_init__(self) -> None:
        if self.longest <= self.lateness:
            msg = "a look must be longer than what it reads again, else nothing is ever caught up with"
            raise ValueError(msg)
        if self.again + self.longest >= self.window:
            msg = "what is read once more must be in the window still"
            raise ValueError(msg)


class Statement(Protocol):
    """How one provider's list of an account's transactions is read: what no callback has brought shows nowhere else."""

    @property
    def terms(self) -> Terms:
        """The same for all accounts."""
        ...

    def is_read(self, credentials: Credentials) -> bool:
        """Whether the merchant has such a statement at the provider. Raises `Misconfigured`."""
        ...

    def pages(self, account: Account, stretch: Stretch) -> AsyncGenerator[Sequence[ParsedCallback]]:
        """What happened in that time, page by page, each transaction with the provider's id of it as `callback_id`.

        It may give what it has given before: each id is taken once. What it gives is stored before it is asked for the next
        page, and it keeps to the provider's limits itself. One process at a time reads an account. Raises `NotSent` or
        `Misconfigured`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a statement: it reads `stretch`.

    `more` is to be read soon. `gap`: the provider no longer shows all that has not been read. `again`: it has been read, and
    is read once more.
    """

    stretch: Stretch
    more: bool = False
    gap: bool = False
    again: bool = False


def next_look(terms: Terms, covered_until: datetime, now: datetime) -> Look:
    """What to read of a statement that is known until `covered_until`: what may still show late is read again and again."""
    oldest = now - terms.window
    since = max(covered_until, oldest)
    until = max(since, min(since + terms.longest, now))
    again_from = max(since, min(until, now - terms.lateness))
    return Look(Stretch(since, until, again_from), more=until < now, gap=covered_until < oldest)


def second_look(terms: Terms, checked_until: datetime, now: datetime) -> Look | None:
    """What to read once more of a statement of which that was done until `checked_until`: a whole stretch, or nothing yet."""
    since = max(checked_until, now - terms.window)
    until = since + terms.longest
    return Look(Stretch(since, until, until), more=True, again=True) if until <= now - terms.again else None
