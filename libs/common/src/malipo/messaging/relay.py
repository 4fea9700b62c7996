"""The relay: moves outbox rows to Kafka, in order per key, at least once, one active relay per shard."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTopicError,
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_fixed

from malipo import clock
from malipo.messaging.floor import HANGS_SECONDS, LOWEST
from malipo.messaging.handover import Handover, OutboxRow
from malipo.messaging.idle_holder import IdleHolder
from malipo.messaging.kafka import started, uncut
from malipo.messaging.pool import AWAY, Connection, DatabaseNotReady, Row, connected
from malipo.messaging.reach import SILENT_SECONDS, Reach
from malipo.messaging.refusals import Refusals
from malipo.messaging.security import KafkaAccess
from malipo.messaging.unit_of_work import SHARDS
from malipo.platform import metrics
from malipo.platform.logs import log
from malipo.platform.poolers import LOCK_CLASS, SharedSession

BATCH_ROWS = 200  # in one turn of the event loop, in which nobody is answered
POLL_SECONDS = 1.0
"""The net beneath the handover: rows whose writer died before it told anybody, or is none of the replicas."""
_FLOOR_SECONDS = 10.0  # so often it is looked up, and all that was deleted is passed once: a net beneath it
_DELETE_SECONDS = 1.0  # how long rows that were sent stay: a statement of its own for each would cost more than the row
_MOST_SENT = 100  # rows that are in the table still: whatever is handed over is compared with them
_TAKE_OVER_SECONDS = 0.25  # how often a relay that lacks shards asks whether another one has gone
_TELL_SECONDS = 0.01  # between two times that another one is told
_AWAY_SECONDS = 1.0
_LAST_SECONDS = 2.0  # for what is done as it stops: what is not deleted then is sent again, and dropped
FROZEN_SECONDS = 15
"""A process that is frozen keeps its connection, and would keep its locks. Longer than Kafka may take to answer."""
_REQUEST_MS = 10_000  # how long a topic that Kafka does not know keeps its neighbours waiting
_REFUSALS = (UnknownTopicOrPartitionError, TopicAuthorizationFailedError, MessageSizeTooLargeError, InvalidTopicError)

_NEXT = """
SELECT id, topic, key, headers, payload, pg_backend_pid() AS pid FROM outbox
WHERE shard = ANY($1::smallint[]) AND id <> ALL($4::bigint[]) AND topic <> ALL($3::text[]) AND id >= $5 ORDER BY id LIMIT $2
"""
_DELETE = "DELETE FROM outbox WHERE id = ANY({}::bigint[])"
_DELETE_AND_NEXT = f"WITH sent AS ({_DELETE.format('$6')}) {_NEXT}"  # what this deletes it still sees
_CHANNEL = "outbox"
_TELL = f"NOTIFY {_CHANNEL}"
_LET_GO = f"SELECT pg_advisory_unlock_all(), pg_notify('{_CHANNEL}', '')"
_LOCK = (
    "SELECT shard, pg_backend_pid() AS pid FROM unnest($2::integer[]) AS shard WHERE pg_try_advisory_lock($1, shard)"
)


class Relay:
    """Sends the outbox of one database. Every replica may run one: shards are shared out by advisory lock.

    What this process writes into a shard held here is handed over, in the order of the table; everything else is looked for
    there. A row is deleted only after Kafka has acknowledged it, with the next look: a crash between the two, or of PostgreSQL
    soon after, sends it again, and consumers drop the repeat.
    The lock belongs to the session: with the connection gone another replica takes over, and no row is lost. A session
    that asks nothing for a while is ended, for its process may be frozen. What a replica wrote into a shard that another one
    holds, it tells that one by NOTIFY.
    With Kafka away one batch is held in memory and the rest stays in PostgreSQL. A topic that Kafka refuses, because it
    is not provisioned for one, is left alone for a while and stops no other. Stopped, it waits for the batch under way, so
    that whoever takes over sends little again, and ends its session before anything that may take long.
    """

    def __init__(self, database_url: str, kafka: KafkaAccess, client_id: str, reach: Reach | None = None) -> None:
        self._database_url = database_url
        self._kafka = kafka
        self._client_id = client_id
        self._reach = reach or Reach(kafka)
        self.handover = Handover()
        """Whoever writes to the outbox has it."""
        self._refusals = Refusals()
        self._idle_holder = IdleHolder()
        self._sent: list[int] = []  # what Kafka has and PostgreSQL still holds
        self._looks_at = 0.0  # again, even if nobody calls
        self._floor_at = 0.0
        self._from_floor = False  # whether the next look may leave out what is below the floor
        self._sending_since: float | None = None
        self._silent_seconds = 0.0  # of Kafka, in the last batch
        self._trouble: str | None = None
        self._told: str | None = None
        self._shared = False

    @property
    def problem(self) -> str | None:
        """Why what stands in the outbox is not sent although both stores are there, else None.

        Another replica may send it, unless it is told that one does nothing who holds the locks.
        """
        if self._reach.problem:
            return None
        since = self._sending_since
        if since is not None and clock.monotonic() - since > SILENT_SECONDS:
            return "Kafka acknowledges nothing that is sent"
        return self._told or self._idle_holder.problem or self._refusals.problem

    @property
    def session_problem(self) -> str | None:
        """Why no session with PostgreSQL is the relay's alone, else None: then none of this process's is."""
        return self._told if self._shared else None

    async def run(self) -> None:
        """Relay until cancelled, through any outage of either side."""
        away = retry_if_exception_type((*AWAY, asyncpg.PostgresError, KafkaError))  # also: wrong password
        await AsyncRetrying(retry=away, wait=wait_fixed(_AWAY_SECONDS), before_sleep=self._interrupted)(self._session)

    async def _session(self) -> None:
        async with self._producer() as producer, session(self._database_url) as connection:
            await self._relay(connection, producer)

    async def _relay(self, connection: Connection, producer: AIOKafkaProducer) -> None:
        shards: dict[int, int] = {}
        self._sent = []  # another server may know other rows by these ids: what this session did not delete is sent again
        await connection.add_listener(_CHANNEL, self._heard)
        try:
            while True:
                await self._look_for_floor(connection)
                await self._look_who_holds(connection, _lacking(shards))
                if free := await _lock_free_shards(connection, shards):
                    shards |= free
                    self.handover.hold(shards)
                self._goes_on()
                self.handover.wake.clear()
                await self._tell_others(connection, shards)
                if shards:
                    await uncut(self._move(connection, producer, shards))
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.handover.wake.wait(), self._rest_seconds(shards))
        except asyncio.CancelledError:
            with suppress(*AWAY, asyncpg.PostgresError, asyncpg.InterfaceError):
                async with asyncio.timeout(_LAST_SECONDS):
                    await self._delete_sent(connection)
                    await connection.execute(_LET_GO)
            raise
        finally:
            self.handover.let_go()

    async def _look_who_holds(self, connection: Connection, lacking: Sequence[int]) -> None:
        if not self._reach.problem:  # else the rows of whoever relays them are old, too
            await self._idle_holder.look(connection, lacking)

    async def _look_for_floor(self, connection: Connection) -> None:
        if (now := clock.monotonic()) >= self._floor_at:
            self.handover.floor.looked(now, await connection.fetchval(LOWEST, HANGS_SECONDS))
            self._floor_at, self._from_floor = now + _FLOOR_SECONDS, False

    def _heard(self, connection: Connection, pid: int, _channel: str, _payload: object) -> None:
        if pid != connection.get_server_pid():
            self.handover.look_again()

    async def _tell_others(self, connection: Connection, shards: Collection[int]) -> None:
        """Have whoever holds the other shards look, if something was written here."""
        written, self.handover.written = self.handover.written, False
        if written and len(shards) < SHARDS:
            await connection.execute(_TELL)
            await asyncio.sleep(_TELL_SECONDS)

    def _rest_seconds(self, shards: Collection[int]) -> float:
        longest = POLL_SECONDS if len(shards) == SHARDS else _TAKE_OVER_SECONDS
        return min(longest, max(0.0, self._looks_at - clock.monotonic())) if shards else longest

    async def _move(self, connection: Connection, producer: AIOKafkaProducer, shards: Mapping[int, int]) -> None:
        """Send one batch, each topic's rows in order: what a look has found, if one is due, and what was handed over."""
        due = self.handover.look or clock.monotonic() >= self._looks_at or len(self._sent) >= _MOST_SENT
        rows = self.handover.next()
        if due:
            rows += self.handover.found(await self._look(connection, shards))
        if rows:
            await self._send_by_topic(connection, producer, rows)

    async def _look(self, connection: Connection, shards: Mapping[int, int]) -> Sequence[OutboxRow]:
        """The next rows of the table that are not known here; those that were sent are deleted."""
        self.handover.look = False
        sent, self._sent = self._sent, []
        known, resting = list(self.handover.known), self._refusals.resting()
        deleting = (_DELETE_AND_NEXT, sent) if sent else (_NEXT,)
        floor = self.handover.floor.id if self._from_floor else 0
        rows: Sequence[Row] = await connection.fetch(
            deleting[0], list(shards), BATCH_ROWS, resting, known, floor, *deleting[1:]
        )
        _refuse_shared(shards, rows[:1])
        self.handover.deleted(sent)
        self._from_floor = True
        self._looks_at = clock.monotonic() + POLL_SECONDS
        self._refusals.forget_but({row["topic"] for row in rows})
        if len(rows) == BATCH_ROWS:
            self.handover.look_again()
        return [OutboxRow(row["id"], row["topic"], row["key"], row["headers"], row["payload"]) for row in rows]

    async def _send_by_topic(
        self, connection: Connection, producer: AIOKafkaProducer, rows: Sequence[OutboxRow]
    ) -> None:
        by_topic: defaultdict[str, list[OutboxRow]] = defaultdict(list)
        for row in rows:
            by_topic[row.topic].append(row)
        sending = [self._send_all(producer, topic, rows) for topic, rows in by_topic.items()]
        self._sending_since = clock.monotonic()
        try:
            sent = await asyncio.gather(*sending, return_exceptions=True)
        finally:
            self._silent_seconds = clock.monotonic() - self._sending_since
            self._sending_since = None
        self._sent += [row_id for row_ids in sent if isinstance(row_ids, list) for row_id in row_ids]
        self._looks_at = min(self._looks_at, clock.monotonic() + _DELETE_SECONDS)
        for failed in sent:
            if isinstance(failed, BaseException):
                await self._delete_sent(connection)
                raise failed

    async def _delete_sent(self, connection: Connection) -> None:
        await connection.execute(_DELETE.format("$1"), self._sent)
        self._sent = []

    async def _send_all(self, producer: AIOKafkaProducer, topic: str, rows: Sequence[OutboxRow]) -> list[int]:
        row_ids = [row.id for row in rows]
        try:
            await asyncio.gather(*[await _send(producer, row) for row in rows])
        except _REFUSALS as error:
            self._refusals.refused(topic, type(error).__name__)
            self.handover.refused(row_ids)
            return []
        self._refusals.taken(topic)
        metrics.RELAYED.labels(topic).inc(len(rows))
        return row_ids

    async def _interrupted(self, state: RetryCallState) -> None:
        assert state.outcome is not None
        error = state.outcome.exception()
        assert error is not None
        if isinstance(error, KafkaConnectionError):
            self._trouble = None
            return await self._reach.lost()
        # The session may have rested before it was kept waiting.
        if isinstance(error, DatabaseNotReady) and self._silent_seconds + POLL_SECONDS > FROZEN_SECONDS:
            return None  # as it should: another relay may have had an answer
        self._shared = isinstance(error, SharedSession)
        before, self._trouble = self._trouble, _why(error)
        if before == self._trouble or not isinstance(error, KafkaError):  # Kafka's first may be that it is going
            self._tell(self._trouble)
        return None

    def _tell(self, trouble: str) -> None:
        if trouble != self._told:
            log.warning("relay interrupted", error=trouble, retry_in_seconds=_AWAY_SECONDS)
        self._told = trouble

    def _goes_on(self) -> None:
        if self._told is not None:
            log.info("relay goes on")
        self._trouble = self._told = None
        self._shared = False

    @asynccontextmanager
    async def _producer(self) -> AsyncGenerator[AIOKafkaProducer]:
        producer = AIOKafkaProducer(
            **self._kafka.options,
            client_id=self._client_id,
            request_timeout_ms=_REQUEST_MS,
            enable_idempotence=True,  # implies acks=all; keeps the order of a partition through retries
            max_batch_size=256 * 1024,  # one batch a partition is in flight at a time, so small ones cost throughput
        )
        try:
            await started(producer.start)
            self._reach.found()
            yield producer
        finally:
            # A producer flushes for ever while its broker is away; what it holds is still in the outbox.
            with suppress(TimeoutError, KafkaError):
                await asyncio.wait_for(producer.stop(), _LAST_SECONDS)


def session(database_url: str) -> AbstractAsyncContextManager[Connection]:
    """The connection whose session holds the locks of a relay's shards.

    All that it writes is that rows were sent: what is forgotten of that is sent once more, and nobody waits for a disk twice.
    """
    return connected(database_url, idle_seconds=FROZEN_SECONDS, waits_for_disk=False)


def _why(error: BaseException) -> str:
    match error:
        case DatabaseNotReady():
            return (
                f"PostgreSQL has ended the session: it is away, or this process has stood still for {FROZEN_SECONDS} s"
            )
        case SharedSession():
            return str(error)
        case KafkaError():
            return f"Kafka is away or refuses: {' '.join(map(str, error.args))}".removesuffix(": ")
        case asyncpg.PostgresError() if not isinstance(error, AWAY):
            return f"PostgreSQL refuses: {error}"
        case _:
            return f"PostgreSQL is away: {error}"


def _lacking(held: Collection[int]) -> list[int]:
    return [shard for shard in range(SHARDS) if shard not in held]


async def _lock_free_shards(connection: Connection, held: Collection[int]) -> dict[int, int]:
    """The shards that are locked now, and the server's process that holds each lock."""
    free = _lacking(held)
    rows: Sequence[Row] = await connection.fetch(_LOCK, LOCK_CLASS, free) if free else []
    return {row["shard"]: row["pid"] for row in rows}


def _refuse_shared(shards: Mapping[int, int], rows: Sequence[Row]) -> None:
    """Raise `SharedSession` unless the rows of a statement, of which one is enough, were read by the server's process that holds our locks."""
    if len({*shards.values(), *(row["pid"] for row in rows)}) > 1:
        raise SharedSession


async def _send(producer: AIOKafkaProducer, row: OutboxRow) -> asyncio.Future[object]:
    # Not `send_batch`: it ignores keys and puts a whole batch into one partition.
    headers = [(name, value.encode()) for name, value in row.headers.items()]
    return await producer.send(row.topic, row.payload, key=row.key.encode(), headers=headers)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
