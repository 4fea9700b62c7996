"""Looks at a running system from outside, through no interface of its services: databases, topics, simulators."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Any, Self, cast

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from chaos.system import SERVICES
from malipo.contracts.providers import PROVIDERS
from malipo.contracts.topics import DEAD_LETTER_SUFFIX, TOPICS
from malipo_local import Stack

Row = dict[str, Any]

_ATTEMPTS = """
        SELECT 'outbox row of ' || topic AS what FROM outbox
        UNION ALL SELECT 'attempt ' || id || ' is open' FROM attempts WHERE done_at IS NULL
        UNION ALL SELECT 'money ' || reference || ' is not told' FROM received_money WHERE look_at IS NOT NULL"""
_OTHERS = {
    "gateway": """
        SELECT 'outbox row of ' || topic AS what FROM outbox
        UNION ALL SELECT 'configuration of ' || merchant_id || ' is to be sent again' FROM config_echoes
            WHERE due_at < now() + interval '15 seconds'""",
    "orchestrator": """
        SELECT 'outbox row of ' || topic AS what FROM outbox
        UNION ALL SELECT 'payment ' || id || ' is ' || state FROM payments
            WHERE state NOT IN ('completed', 'returned', 'failed', 'canceled') AND NOT (state = 'authorized' AND $1)
        UNION ALL SELECT subject || ' ' || id || ' is ' || state FROM operations
            WHERE state NOT IN ('completed', 'failed', 'won', 'lost')""",
    "webhook-dispatcher": """
        SELECT 'outbox row of ' || topic AS what FROM outbox
        UNION ALL SELECT 'event ' || event_id || ' waits' FROM events WHERE NOT fanned_out
        UNION ALL SELECT 'delivery ' || delivery_id || ' is pending' FROM deliveries WHERE state = 'pending'""",
}
_OPEN = {
    service: _ATTEMPTS if service.removeprefix("provider-") in PROVIDERS else _OTHERS[service] for service in SERVICES
}

_PARTITIONS = [TopicPartition(topic.name, number) for topic in TOPICS for number in range(topic.partitions)]
_READERS = [
    (service, topic.name)
    for topic in TOPICS
    for service in SERVICES
    if any(fnmatchcase(service, consumer) for consumer in topic.consumers)
]
"""Also those that have committed nothing yet: Kafka does not know that they are behind at their first message."""


class Onlooker:
    """Queries the stores directly, on connections of its own; opens them again when a store was away."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._loop = asyncio.new_event_loop()
        self._connections: dict[str, Any] = {}
        self._kafka: tuple[AIOKafkaAdminClient, AIOKafkaConsumer] | None = None
        self._http = httpx.Client(timeout=10, limits=httpx.Limits(keepalive_expiry=2))

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self._http.close()
        self._run(self._close())
        self._loop.close()

    def rows(self, service: str, query: str, *args: object) -> list[Row]:
        """What a service's own database answers. Raises what asyncpg raises."""
        return [dict(row) for row in self._run(self._fetch(service, query, *args))]

    def open_work(self, *, authorized_is_an_end: bool = False) -> list[str]:
        """Everything that is still to be done anywhere, as text; empty when the system has come to rest.

        That takes two looks at rows, with nothing sent between them: what a topic held at the first is perhaps a row by the
        time that the topics are looked at.
        """
        try:
            if found := self._open_rows(authorized_is_an_end) or self._open_callbacks():
                return found
            behind, ends = self._run(self._lag())
            return (
                behind
                or self._open_rows(authorized_is_an_end)
                or self._open_callbacks()
                or (["messages were sent just now"] if self._run(self._lag())[1] != ends else [])
            )
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, KafkaError, httpx.HTTPError) as error:
            return [f"a store or simulator is away: {error!r}"]

    def have_nothing_repeated(self) -> None:
        """Have nothing sent again, as a precaution, of what has ended: it would come by in what others do."""
        self.rows("orchestrator", "UPDATE roll_calls SET called_until = now() RETURNING 1")
        for provider in PROVIDERS:
            self.rows(f"provider-{provider}", "DELETE FROM reminders RETURNING 1")

    def behind(self) -> list[str]:
        """Which services have not committed all that is in the topics that they read, as text."""
        return self._run(self._lag())[0]

    def dead_letters(self) -> dict[str, int]:
        """How many messages lie in each dead letter topic; only those that hold any."""
        return self._run(self._dead_letters())

    def _open_rows(self, authorized_is_an_end: bool) -> list[str]:
        found: list[str] = []
        for service, query in _OPEN.items():
            args = (authorized_is_an_end,) if "$1" in query else ()
            found += [f"{service}: {row['what']}" for row in self.rows(service, f"{query} LIMIT 20", *args)]
        return found

    def _open_callbacks(self) -> list[str]:
        pending = {name: self._callbacks_of(name) for name in PROVIDERS}
        return [f"{name}: {count} callbacks on their way" for name, count in pending.items() if count]

    def _callbacks_of(self, provider: str) -> int:
        health = self._http.get(f"{self._stack.url(f'{provider}-sim')}/_sim/health").raise_for_status()
        return health.json()["webhooks"]["pending"]

    async def _fetch(self, service: str, query: str, *args: object) -> list[asyncpg.Record]:
        connection = self._connections.get(service)
        if connection is None or connection.is_closed():
            url = self._stack.database_url(service)
            connection = cast("Any", await asyncpg.connect(url, timeout=5, command_timeout=10))  # pyright: ignore[reportUnknownMemberType]
            self._connections[service] = connection
        return await connection.fetch(query, *args)

    async def _clients(self) -> tuple[AIOKafkaAdminClient, AIOKafkaConsumer]:
        if self._kafka is None:
            admin = AIOKafkaAdminClient(bootstrap_servers=self._stack.kafka, request_timeout_ms=5000)
            consumer = AIOKafkaConsumer(bootstrap_servers=self._stack.kafka, request_timeout_ms=5000)
            await admin.start()
            await consumer.start()
            self._kafka = (admin, consumer)
        return self._kafka

    async def _lag(self) -> tuple[list[str], dict[TopicPartition, int]]:
        """Who is behind with what, and the ends of all partitions by which that is judged."""
        admin, consumer = await self._clients()
        left = Counter[tuple[str, str]]()
        groups = [entry[0] for entry in await admin.list_consumer_groups()]
        committed = await asyncio.gather(*map(admin.list_consumer_group_offsets, groups))
        for group, offsets in zip(groups, committed, strict=True):
            for partition, known in offsets.items():
                left[group.partition(".")[0], partition.topic] -= max(known.offset, 0)
        ends = await _ends(consumer, _PARTITIONS)
        for partition, end in ends.items():
            left.update({reader: end for reader in _READERS if reader[1] == partition.topic})
        behind = [
            f"{service}: {left[service, topic]} messages of {topic}"
            for service, topic in _READERS
            if left[service, topic]
        ]
        return behind, ends

    async def _dead_letters(self) -> dict[str, int]:
        _, consumer = await self._clients()
        await consumer._client.force_metadata_update()  # pyright: ignore[reportPrivateUsage]
        letters = await _ends(consumer, [TopicPartition(topic.name + DEAD_LETTER_SUFFIX, 0) for topic in TOPICS])
        return {partition.topic: count for partition, count in letters.items() if count}

    async def _close(self) -> None:
        for connection in self._connections.values():
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                await connection.close(timeout=2)
        for client in self._kafka or ():
            with suppress(KafkaError, OSError):
                await (client.close() if isinstance(client, AIOKafkaAdminClient) else client.stop())

    def _run[T](self, what: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(what)


async def _ends(consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
    answer: object = await consumer.end_offsets(partitions)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return cast("dict[TopicPartition, int]", answer)
