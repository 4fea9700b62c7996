"""What the generator of events is told, and what it answers."""

import msgspec


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Events numbered from `first` on, of these merchants in turn: `rate` a second on average, for `seconds`, the same each time."""

    bootstrap: str
    merchants: list[str]
    first: int
    rate: float
    seconds: float
    seed: int = 1


class Fed(msgspec.Struct, frozen=True, array_like=True):
    """One event: its number, its merchant, when it was due (Unix seconds), and how late Kafka's client was given it."""

    number: int
    merchant: str
    due: float
    late: float
