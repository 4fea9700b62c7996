"""Runs subscriptions on FastStream batch subscribers: each batch is applied and its offsets committed, or it comes again."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, cast

from aiokafka import TopicPartition
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    IllegalStateError,
    KafkaError,
    TopicAuthorizationFailedError,
)
from faststream.kafka import KafkaMessage

from malipo import clock
from malipo.messaging.batch_consumer import BatchConsumer, DatabaseAway
from malipo.messaging.broker import PollingBroker
from malipo.messaging.kafka import started
from malipo.messaging.offsets import Offsets
from malipo.messaging.poll import Poll, Rebalances
from malipo.messaging.reach import Reach
from malipo.messaging.records import Record, summary
from malipo.messaging.security import KafkaAccess
from malipo.messaging.subscription import Subscription
from malipo.platform import metrics
from malipo.platform.logs import log

_AWAY_SECONDS = 1.0
_START_AGAIN_SECONDS = 1.0
_WATCH_SECONDS = 1.0
_ASK_SECONDS = 1.0
_STOP_SECONDS = 13.0
"""For batches under way, a last commit, and leaving: Kafka may be away, and what is stopped after this has to be, too."""
_STOPPED = "not started"
_REFUSALS = (TopicAuthorizationFailedError, GroupAuthorizationFailedError)
_ALLOWED_BY = (
    "the topics step allows it (KAFKA_ACLS, and KAFKA_CONSUMERS for one of your own): see docs/operations/kafka.md"
)
_JOINING = "joins its consumer groups"


class Consumers:
    """All subscriptions of one service, each in a consumer group of its own.

    Offsets are committed after the batch's transaction. A batch that was not applied, because the database is away or
    for any other reason, comes again after a pause, and the process stays in its group meanwhile. Membership is static:
    a process that is killed goes on with its partitions at once when it is started again under its instance's name. One
    that is stopped leaves its groups, and others have its partitions at once.
    """

    def __init__(self, kafka: KafkaAccess, service: str, instance: str, reach: Reach | None = None) -> None:
        self._service = service
        self._instance = instance
        self._offsets = Offsets()
        self._broker = PollingBroker(kafka, f"{service}.{instance}")
        self._problem: str | None = _STOPPED
        self._began = False
        self._reach = reach or Reach(kafka)
        self._polls: list[Poll] = []
        self._topics: list[str] = []
        self._user: str | None = kafka.security.get("sasl_plain_username")

    @property
    def problem(self) -> str | None:
        """Why nothing is consumed in some group although Kafka is there, else None."""
        if self._reach.problem:
            return None
        failing = [f"{poll.group}: {poll.problem}" for poll in self._polls if poll.problem and not poll.fenced]
        return self._problem or "; ".join(failing) or self._offsets.problem

    @property
    def joining(self) -> str | None:
        """That this process has never been in all of its groups yet, although a broker answers, else None.

        A broker that refuses us answers: of a deploy with a wrong password no replica may replace one that is let in.
        """
        return None if self._began or self._reach.silent else _JOINING

    @property
    def fenced(self) -> str | None:
        """That another process consumes under this one's name, else None."""
        return next((poll.problem for poll in self._polls if poll.fenced), None)

    @property
    def resting(self) -> str | None:
        """Which partitions are not read any further, where, why, and how to go on, else None."""
        return "; ".join(rest for poll in self._polls for rest in poll.resting) or None

    @property
    def unproven(self) -> str | None:
        """Of which groups this process could apply no batch since it began, and why, else None."""
        return "; ".join(why for poll in self._polls if (why := poll.progress.unproven)) or None

    @property
    def stuck(self) -> str | None:
        """Of which groups no batch is applied any more, for how long, and why, else None."""
        return "; ".join(why for poll in self._polls if (why := poll.progress.stuck)) or None

    def add(self, subscription: Subscription, consumer: BatchConsumer) -> None:
        """Have `consumer` get what `subscription` asks for."""
        topics = [topic.name for topic in subscription.topics]
        group = f"{self._service}.{subscription.name}"
        poll = Poll(group, subscription.max_records, consumer.stepped_over, self._offsets.applied)
        subscriber = self._broker.polled(
            poll,
            *topics,
            group_id=group,
            group_instance_id=f"{self._service}.{self._instance}",
            listener=Rebalances(poll, self._offsets.settle),
            gather_seconds=subscription.gather_seconds,
        )
        subscriber(partial(self._consume, consumer, poll, subscription.pace_seconds))
        for topic in topics:  # an alert on the first of these needs a zero before it
            metrics.DELETED_UNREAD.labels(group, topic)
            metrics.POLLS_FAILED.labels(group, topic)
            metrics.MESSAGES.labels(topic, "dead_lettered")
        self._polls.append(poll)
        self._topics += topics

    async def lag(self) -> dict[str, int]:
        """By topic: the messages in the partitions held here that are not consumed yet. Of none of which nobody can know."""
        if self._problem or self._reach.problem:
            return {}
        messages, unknown = dict.fromkeys(self._topics, 0), set[str]()
        for consumer in self._running():
            # What aiokafka says of a partition that has just been taken away.
            with suppress(IllegalStateError, AssertionError):
                ends = await _ends(consumer, consumer.paused())
                for partition in consumer.assignment():
                    end = ends[partition] if partition in ends else consumer.highwater(partition)
                    if end is None:  # nothing was fetched yet
                        unknown.add(partition.topic)
                    else:  # and then there is a position, too
                        messages[partition.topic] += end - await consumer.position(partition)
        return {topic: number for topic, number in messages.items() if topic not in unknown}

    def _running(self) -> list[Any]:
        subscribers = cast("Sequence[Any]", self._broker.subscribers)
        return [subscriber.consumer for subscriber in subscribers if subscriber.consumer is not None]

    async def _consume(self, consumer: BatchConsumer, poll: Poll, pace_seconds: float, message: KafkaMessage) -> None:
        records = cast("Sequence[Record]", message.raw_message)
        next_at = clock.monotonic() + pace_seconds
        try:
            stops = await consumer.consume(records)
        except DatabaseAway as error:
            log.warning("batch not applied", error=str(error), retry_in_seconds=_AWAY_SECONDS)
            poll.progress.failed(str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the batch must not be lost
            log.exception("batch failed", retry_in_seconds=_AWAY_SECONDS)
            poll.progress.failed(summary(error))
        else:
            poll.progress.applied()
            poll.applied(message.consumer, stops)
            return await asyncio.sleep(max(0.0, next_at - clock.monotonic()))
        # Taken again at once it would fail again at once, thousands of times a second.
        await asyncio.sleep(_AWAY_SECONDS)

    async def run(self) -> None:
        """Connect, however long that takes, and consume until cancelled.

        Raises `KafkaError` when a consumer will not recover by itself: run again, all of them are new.
        """
        beside: list[asyncio.Task[None]] = []
        try:
            await self._start()
            self._problem, self._began = None, True
            beside = [asyncio.create_task(self._offsets.run())]
            beside += [asyncio.create_task(self._reach.watch(consumer)) for consumer in self._running()[:1]]
            of_each = zip(self._polls, self._running(), strict=True)
            beside += [asyncio.create_task(poll.losses.watch(consumer)) for poll, consumer in of_each]
            while not any(poll.broken for poll in self._polls) and not any(task.done() for task in beside):
                await asyncio.wait(beside, timeout=_WATCH_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            raise KafkaError(self.problem or "offsets are committed no longer")
        finally:
            self._problem = _STOPPED
            with suppress(TimeoutError):
                async with asyncio.timeout(_STOP_SECONDS):
                    await self._stop(beside)

    async def _stop(self, beside: Sequence[asyncio.Task[None]]) -> None:
        """What was applied is committed before the groups are left: whoever has the partitions next goes on behind it."""
        await self._broker.finish()
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        for poll in self._polls:
            poll.reset()
        await self._broker.stop()

    async def _start(self) -> None:
        while True:
            try:
                await started(self._broker.start)
                return self._reach.found()
            except (KafkaError, OSError) as error:
                await self._not_started(error)
                await self._broker.stop()
                await asyncio.sleep(_START_AGAIN_SECONDS)

    async def _not_started(self, error: KafkaError | OSError) -> None:
        if not isinstance(error, _REFUSALS):
            return await self._reach.lost()
        self._reach.found()
        who = f" by its user {self._user}" if self._user else ""
        if self._problem != (problem := f"Kafka refuses to have this read{who}: {summary(error)}; {_ALLOWED_BY}"):
            log.error("consumers refused", problem=problem, retry_in_seconds=_START_AGAIN_SECONDS)
        self._problem = problem
        return None


async def _ends(consumer: Any, resting: Iterable[TopicPartition]) -> Mapping[TopicPartition, int]:
    """Where these partitions end now: aiokafka fetches nothing of them, and so learns of nothing new behind them."""
    try:
        async with asyncio.timeout(_ASK_SECONDS):
            return await consumer.end_offsets(resting) if resting else {}
    except (KafkaError, TimeoutError):
        return {}
