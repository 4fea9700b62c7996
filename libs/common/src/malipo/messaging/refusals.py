"""Topics of which Kafka takes nothing, as they are not there or may not be written: each is left alone for a while."""

from collections.abc import Container
from typing import NamedTuple

from malipo import clock
from malipo.platform.logs import log

_RESTS_SECONDS = (1.0, 5.0)
_REFUSED_SECONDS = 30.0


class _Refusal(NamedTuple):
    """Why Kafka takes nothing of a topic, how often in a row, and until which moment of `clock.monotonic` it is left alone."""

    reason: str
    until: float
    times: int

    @property
    def told(self) -> bool:
        """Whether it lasts."""
        return self.times > len(_RESTS_SECONDS)


class Refusals:
    """The topics that one relay leaves alone.

    The first refusals of one are not told, and it is soon tried again: a broker that begins does not know all topics yet.
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
        known = self._known.get(topic)
        times = known.times + 1 if known and known.reason == reason else 1
        seconds = (*_RESTS_SECONDS, _REFUSED_SECONDS)[min(times - 1, len(_RESTS_SECONDS))]
        refusal = _Refusal(reason, clock.monotonic() + seconds, times)
        if refusal.told and not (known and known.told):
            log.error("topic refused", topic=topic, error=reason, retry_in_seconds=seconds)
        self._known[topic] = refusal

    def taken(self, topic: str) -> None:
        """It is refused no longer."""
        if (known := self._known.pop(topic, None)) and known.told:
            log.info("topic refused no longer", topic=topic)

    def forget_but(self, waiting: Container[str]) -> None:
        """Those of which no row waits any more are refused no longer, once they have rested."""
        resting = self.resting()
        self._known = {topic: one for topic, one in self._known.items() if topic in resting or topic in waiting}
