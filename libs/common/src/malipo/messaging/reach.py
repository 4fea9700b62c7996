"""Whether Kafka is there: it is asked now and then, for a consumer that polls notices nothing of a broker that is gone."""

import asyncio
from typing import Any

from aiokafka.errors import KafkaError

from malipo import clock
from malipo.messaging.security import KafkaAccess
from malipo.messaging.trouble import Kind, Trouble, trouble
from malipo.platform.logs import log

_ASK_SECONDS = 2.0
SILENT_SECONDS = 10.0
"""Longer than another broker takes to lead, shorter than an operator wonders."""


class Reach:
    """Says what is wrong while no broker answers us; that it is so, why, and that it is over, are logged once each."""

    def __init__(self, kafka: KafkaAccess) -> None:
        self._kafka = kafka
        self._found: Trouble | None = None
        self._lost_at = 0.0
        self._answered_at = 0.0

    @property
    def problem(self) -> str | None:
        """What is wrong, else None."""
        return self._found and f"Kafka away: {self._found.words}"

    @property
    def silent(self) -> bool:
        """Whether Kafka is away for everybody, as far as we can know: where a broker refuses us, others may be let in."""
        return self._found is not None and self._found.kind is Kind.SILENT

    @property
    def away_seconds(self) -> float:
        """For how long no broker has answered; 0 while one does."""
        return 0.0 if self._found is None else clock.monotonic() - self._lost_at

    async def lost(self, since: float | None = None) -> None:
        """No broker has answered since this moment of `clock.monotonic`, or just now: look why."""
        answered_at = self._answered_at
        found = await trouble(self._kafka)
        if answered_at != self._answered_at:
            return  # one has answered while we looked
        if self._found is None:
            self._lost_at = clock.monotonic() if since is None else since
        if self._found != found:
            log.warning("kafka away", reason=found.words)
        self._found = found

    def found(self) -> None:
        """A broker has answered."""
        self._answered_at = clock.monotonic()
        if self._found is not None:
            log.info("kafka is back", away_seconds=round(self.away_seconds, 1))
        self._found = None

    async def watch(self, consumer: Any) -> None:
        """Ask for as long as `consumer` lives, without ever cutting a question short: that would leak its connection.

        Silence is counted from the latest answer that anybody here has had: a question on a connection that broke may hang for
        long after others are answered.
        """
        asking: asyncio.Task[Any] | None = None
        self._answered_at = clock.monotonic()
        try:
            while True:
                asking = asking or asyncio.create_task(consumer.topics())
                await asyncio.wait([asking], timeout=_ASK_SECONDS)
                if asking.done():
                    if _answered(asking):
                        self.found()
                    asking = None
                    await asyncio.sleep(_ASK_SECONDS)
                if clock.monotonic() - self._answered_at >= SILENT_SECONDS:
                    await self.lost(self._answered_at)
        finally:
            if asking is not None:
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)


def _answered(asking: asyncio.Task[Any]) -> bool:
    try:
        asking.result()
    except (KafkaError, OSError):
        return False
    return True
