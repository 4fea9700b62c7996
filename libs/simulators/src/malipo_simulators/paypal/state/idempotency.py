"""PayPal-Request-Id: a request that had an effect is answered again with that effect as it is by then."""

from collections.abc import Callable
from dataclasses import dataclass

from malipo_simulators.kit.shapes import Json
from malipo_simulators.paypal.errors import in_progress

type Name = tuple[str, str]
"""The path of the call and its id: the same id in another call is another id."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a request has made: `show` renders it as it is when asked, in full or minimal. Known until `expires`."""

    show: Callable[[bool], Json]
    expires: int


class IdempotencyStore:
    """Those of one account. Only what had an effect is known, so what was refused may be sent again."""

    def __init__(self) -> None:
        self._remembered: dict[Name, Remembered] = {}
        self._under_way: set[Name] = set()

    def begin(self, name: Name, now: int) -> Remembered | None:
        """The earlier effect; else it is under way until `end`. Raise PREVIOUS_REQUEST_IN_PROGRESS if it is already."""
        if name in self._under_way:
            raise in_progress()
        made = self._remembered.get(name)
        if made is not None and made.expires > now:
            return made
        self._remembered.pop(name, None)
        self._under_way.add(name)

    def end(self, name: Name) -> None:
        self._under_way.discard(name)

    def remember(self, name: Name, made: Remembered) -> None:
        self._remembered[name] = made
