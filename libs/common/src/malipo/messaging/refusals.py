"""Topics of which Kafka takes nothing, as they are not there or may not be written: each is left alone for a while."""

from collections.abc import Container
from typing import NamedTuple

from malipo import clock
from malipo.platform.logs import log

_FIRST_SECONDS = 1.0
_REFUSED_SECONDS = 30.0


class _Refusal(NamedTuple):
    """Why Kafka takes nothing of a topic, and until which moment of `clock.monotonic` it is left alone."""

    reason: str
    until: float
    told: bool


class Refusals:
    """The topics that one relay leaves alone.

    The first refusal of one is not told, and it is soon tried again: a broker that begins knows no topics yet.
    """

    def __init__(self) -> None:
        self._known: dict[str, _Refusal] = {}

    @property
    def problem(self) -> str | None:
        """Which topics are refused again and again, and why, else None."""
        told = [f"Kafka refuses topic {topic}: {one.reason}" for topic, one in self._known.items() if one.told]
        return "; ".join(told) or None

    def resting(self) -> list[str]:
        """The topics that are to be left alone now."""
        now = clock.monotonic()
        return [topic for topic, one in self._known.items() if one.until > now]

    def refused(self, topic: str, reason: str) -> None:
        """Leave it alone."""
        known = self._known.get(topic, _Refusal("", 0.0, told=False))
        again = known.reason == reason
        if again and not known.told:
            log.error("topic refused", topic=topic, error=reason, retry_in_seconds=_REFUSED_SECONDS)
        seconds = _REFUSED_SECONDS if again else _FIRST_SECONDS
        self._known[topic] = _Refusal(reason, clock.monotonic() + seconds, told=again)

    def taken(self, topic: str) -> None:
        """It is refused no longer."""
        if (known := self._known.pop(topic, None)) and known.told:
            log.info("topic refused no longer", topic=topic)

    def forget_but(self, waiting: Container[str]) -> None:
        """Those of which no row waits any more are refused no longer, once they have rested."""
        resting = self.resting()
        self._known = {topic: one for topic, one in self._known.items() if topic in resting or topic in waiting}
