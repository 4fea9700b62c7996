"""What the generator of callbacks is told, and what it answers."""

import msgspec


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """Callbacks about the charges from number `first` on: `rate` a second on average, for `seconds`, in the same way each time.

    One that is not taken is sent again after `again_seconds`, then after twice as long, and so on up to half a minute: as
    banks do, within a time that a benchmark has.
    """

    provider: str
    url: str
    first: int
    rate: float
    seconds: float
    seed: int = 1
    timeout_seconds: float = 10
    again_seconds: float = 2
    most_tries: int = 20


class Sent(msgspec.Struct, frozen=True, array_like=True):
    """One callback: its charge's number, when it was due (Unix seconds), and how late it was sent.

    `answered` is when its first answer was there, or was given up, and `taken` when it was answered with 2xx, both in seconds after
    it was due; `taken` is None for one that never was. `refused` are the statuses before that, 0 where no answer came. `repeated`: it had been taken before, and only the
    answer was lost.
    """

    number: int
    due: float
    late: float
    answered: float
    taken: float | None
    refused: tuple[int, ...]
    repeated: bool
