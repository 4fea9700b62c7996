"""One step of the demo's tour."""

from collections.abc import Callable
from dataclasses import dataclass

from malipo_local.merchant import DemoMerchant, NeverHappened


@dataclass(frozen=True, slots=True)
class Story:
    """One step of the tour. `play` returns the payment's id; it raises when anything is not as expected."""

    title: str
    events: str
    play: Callable[[DemoMerchant], str]


def expect(holds: bool, what: str) -> None:
    """Raise `NeverHappened` with what should have been true."""
    if not holds:
        message = f"not so: {what}"
        raise NeverHappened(message)
