"""An account's statement as its provider shows it: for how long, how late, and which stretch of it is to be read next. Pure."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from provider_kit.credentials import Account
from provider_kit.movements import Moved
from provider_kit.provider import Credentials, ParsedCallback

_HALVINGS = 6


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time of a statement, both ends included. What is not before `again_from` is read by a later look once more."""

    since: datetime
    until: datetime
    again_from: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a provider shows its statements, and how often they are looked at.

    `window`: how far back it shows anything. `lateness`: how long after its time a transaction usually shows at the latest; a
    new account begins that long ago. `longest`: the longest stretch of one look, longer than `lateness`. `every`: how long
    after one look an account is looked at again; `soonest`: where a callback has hinted at news, or there is more to read.
    `again`: in which time all of the window is read once more, part by part with the looks, for what shows later than that;
    longer where `longest` and `every` allow no less. `callbacks`: what it shows are the account's signed callbacks themselves,
    under their own ids: one that came here is not taken again.
    """

    window: timedelta
    lateness: timedelta
    longest: timedelta
    every: timedelta
    soonest: timedelta
    again: timedelta
    callbacks: bool = False

    def __post_init__(self) -> None:
        if self.longest <= self.lateness:
            msg = "a look must be longer than what it reads again, else nothing is ever caught up with"
            raise ValueError(msg)


type Entry = ParsedCallback | Moved
"""What a statement shows: a report, as callbacks bring them, or a movement of the account's balance."""


class Statement(Protocol):
    """How one provider's list of an account's transactions is read: what no callback has brought shows nowhere else."""

    @property
    def terms(self) -> Terms:
        """The same for all accounts."""
        ...

    def is_read(self, credentials: Credentials) -> bool:
        """Whether the merchant has such a statement at the provider. Raises `Misconfigured`."""
        ...

    def pages(self, account: Account, stretch: Stretch) -> AsyncGenerator[Sequence[Entry]]:
        """What happened in that time, page by page, each report with the provider's id of the transaction as `callback_id`.

        It may give what it has given before: each id is taken once. What it gives is stored before it is asked for the next
        page, and it keeps to the provider's limits itself. One process at a time reads an account. Raises `NotSent` or
        `Misconfigured`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Known:
    """How far a statement is known: from `covered_since` to `covered_until`, but for what shows late.

    For that it is read once more, from `again_from` on the next time, which is at `again_at`.
    """

    covered_since: datetime
    covered_until: datetime
    again_from: datetime
    again_at: datetime


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a statement: it reads `stretch`, and after that `again`, a part of what is known; then `known` is so.

    `more` is to be read soon. `gap`: the provider no longer shows all that has not been read. `ahead`: what is known ends in
    the future, since the database's clock was ahead: all is read anew.
    """

    stretch: Stretch
    again: Stretch | None
    known: Known
    more: bool
    gap: bool
    ahead: bool


def next_look(terms: Terms, known: Known, now: datetime, failures: int = 0) -> Look:
    """What to read next of a statement, after so many failures running: each halves the stretch, which was perhaps too long."""
    oldest = now - terms.window
    gap, ahead = known.covered_until < oldest, known.covered_until > now
    since = max(oldest, min(known.covered_since, now - terms.lateness) if ahead else known.covered_until)
    until = min(since + terms.longest / 2 ** min(failures, _HALVINGS), now)
    covered_until = max(since, min(until, now - terms.lateness))
    covered_since = since if gap else min(known.covered_since, since)
    stretch, more = Stretch(since, until, covered_until), until < now
    known = Known(covered_since, covered_until, known.again_from, known.again_at)
    again = None if more else _again(terms, known, since, now)
    if again is not None:
        again_from = again.until if again.until < since else covered_since
        known = Known(covered_since, covered_until, again_from, now + terms.every)
    return Look(stretch, again, known, more=more, gap=gap, ahead=ahead)


def _again(terms: Terms, known: Known, end: datetime, now: datetime) -> Stretch | None:
    """The next part of what is known until `end`, if that is worth it; after the last one, the first that is still shown."""
    if now < known.again_at <= now + terms.every:
        return None
    begin = max(known.covered_since, now - terms.window)
    since = known.again_from if begin <= known.again_from <= end - terms.every else begin
    until = since + min(terms.longest, terms.window * (terms.every / terms.again))
    until = end if until + terms.every > end else until
    return Stretch(since, until, until) if since + terms.every <= until else None
