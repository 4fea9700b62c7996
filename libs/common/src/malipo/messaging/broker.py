"""FastStream's broker, as far as we use it: it starts consumers, keeps their loops, and stops them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, cast

from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage

from malipo.messaging.poll import Poll
from malipo.messaging.records import Record
from malipo.messaging.security import KafkaAccess

_OPTIONS: dict[str, Any] = {
    "batch": True,
    "auto_offset_reset": "earliest",  # the default would skip what was sent before the first deployment
    "heartbeat_interval_ms": 1000,  # a member that joins waits for the others' next heartbeat
    "fetch_max_wait_ms": 1000,  # an idle consumer asks so often; one with new partitions waits for the answer under way
    "session_timeout_ms": 10_000,
}
_MUCH_BYTES = 1024 * 1024
_GRACE_SECONDS = 10.0  # a batch under way takes milliseconds, or what a statement may take at most
METADATA_MS = 60_000
"""How long it takes at most until partitions that are added to a topic are read."""


class PollingBroker(KafkaBroker):
    """A broker whose batch subscribers read by a `Poll`, and hand on batches as they came.

    Overridden is how a subscriber reads: its own `getmany` loses records when one partition raises, as aiokafka moves
    positions on before it raises (aiokafka #1173). And how a batch is parsed: FastStream decodes every header as UTF-8
    and drops the batch when one is not (FastStream #2458).
    """

    def __init__(self, kafka: KafkaAccess, client_id: str) -> None:
        super().__init__(
            kafka.bootstrap,
            client_id=client_id,
            metadata_max_age_ms=METADATA_MS,
            ack_policy=AckPolicy.MANUAL,  # the default commits before the handler runs
            allow_auto_create_topics=False,
            consumer_only=True,  # the relay publishes; a producer whose start fails would never be closed
            graceful_timeout=_GRACE_SECONDS,
            logger=None,
            apply_types=False,
        )
        # FastStream's own `security` loses the tokens of OAUTHBEARER.
        self._connection_kwargs |= kafka.security

    def polled(self, poll: Poll, *topics: str, gather_seconds: float | None = None, **options: Any) -> Any:
        """A subscriber of these topics; `options` are the rest of `KafkaBroker.subscriber`'s."""
        subscribe: Any = self.subscriber
        options = _OPTIONS | _gathering(gather_seconds) | options
        subscriber: Any = subscribe(*topics, **options, parser=_without_headers, decoder=_itself)
        subscriber.get_msg = poll.next
        return subscriber

    async def finish(self) -> None:
        """Read nothing more, and return when what was read is processed, for ten seconds at most. All stay in their groups."""
        subscribers = cast("Sequence[Any]", self.subscribers)
        for subscriber in subscribers:
            subscriber.running = False
        begun = [one for one in subscribers if not isinstance(one.lock, nullcontext)]  # others hold nothing
        await asyncio.gather(*(one.lock.wait_release(_GRACE_SECONDS) for one in begun))


def _gathering(seconds: float | None) -> dict[str, int]:
    """Otherwise each message is an answer of its own, and each answer wakes both sides, however rarely its batch is taken."""
    return {} if seconds is None else {"fetch_min_bytes": _MUCH_BYTES, "fetch_max_wait_ms": round(seconds * 1000)}


async def _without_headers(
    records: tuple[Record, ...], parse: Callable[[tuple[Record, ...]], Awaitable[KafkaMessage]]
) -> KafkaMessage:
    message = await parse(tuple(replace(record, headers=()) for record in records))
    message.raw_message = records
    return message


async def _itself(message: KafkaMessage) -> object:
    return message
