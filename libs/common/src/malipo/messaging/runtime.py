"""The running parts of one service: pool, relay, consumers and loops, behind its pages."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy import MetaData
from starlette.types import ASGIApp

from malipo import ids
from malipo.messaging import months_watch, tables
from malipo.messaging.batch_consumer import BatchConsumer
from malipo.messaging.consumers import Consumers
from malipo.messaging.database import Database
from malipo.messaging.months_watch import MonthsWatch
from malipo.messaging.pool import AWAY, Pool, create_pool
from malipo.messaging.reach import Reach
from malipo.messaging.relay import Relay
from malipo.messaging.security import KafkaAccess
from malipo.messaging.subscription import Subscription
from malipo.messaging.writes import purge_of
from malipo.platform import metrics
from malipo.platform.application import Application
from malipo.platform.health import Health
from malipo.platform.logs import log
from malipo.platform.retention_settings import INBOX_DAYS
from malipo.platform.settings import ServiceSettings

_WATCH_SECONDS = 1.0
_PURGE_SECONDS = 3600.0
PURGE_ROWS = 1000
_RESTART_SECONDS = 1.0

# Counted up to a limit: a long outage of Kafka must not make the look at it slow.
_OUTBOX = """
SELECT (SELECT count(*) FROM (SELECT FROM outbox WHERE id >= $1 ORDER BY id LIMIT 10000) AS counted) AS rows,
       coalesce((SELECT extract(epoch FROM now() - created_at) FROM outbox WHERE id >= $1 ORDER BY id LIMIT 1), 0) AS age,
       current_setting('transaction_read_only')::boolean AS read_only
"""
_READ_ONLY = "PostgreSQL is read-only, or a replica: nothing can be written"
_PURGE_INBOX = purge_of(tables.INBOX.c.received_at)

Loop = Callable[[], Awaitable[None]]
Sweep = Callable[[Database], Awaitable[bool | None]]
"""One round of work that is due by the clock; returns whether there may be more at once."""


class Runtime:
    """Starts what a service consists of, and stops all of it at once, but for the relay, which sends what the others wrote last.

    Nothing here waits for a store at start: the process is alive at once and ready when everything answers.
    """

    def __init__(self, service: str, settings: ServiceSettings) -> None:
        url = settings.database_url.get_secret_value()
        kafka = KafkaAccess.of(settings)
        self.health = Health()
        self._reach = Reach(kafka)
        self.relay = Relay(url, kafka, f"{service}.{settings.instance}.relay", self._reach)
        self.database = Database(self.relay.handover)
        self._service = service
        self._settings = settings
        self._consumers = Consumers(kafka, service, settings.instance, self._reach)
        self._loops: dict[str, Loop] = {"relay": self.relay.run}
        self._retention = {_PURGE_INBOX: INBOX_DAYS}
        self._closers: list[Loop] = []
        self._months = MonthsWatch(tables.metadata)
        self._database_problem: str | None = "not connected"
        self.health.require("database", lambda: self._without_database)
        self.health.warn("relay", lambda: self.relay.problem)
        self.health.warn("months", lambda: self._months.problem)
        metrics.KAFKA_AWAY_SECONDS.set_function(lambda: self._reach.away_seconds)
        self.sweep("watch", _WATCH_SECONDS, self._watch)
        self.sweep("lag", _WATCH_SECONDS, self._show_lag)
        self.sweep("purge", _PURGE_SECONDS, self._purge)
        self.sweep("months", months_watch.LOOK_SECONDS, lambda database: self._months.look(database.reads))

    def subscribe(self, *subscriptions: Subscription, called: bool = False) -> None:
        """Consume. A service that is `called`, by merchants or providers, is `degraded` while it cannot, and not ready otherwise.

        What is called stores what it is brought, also without Kafka, and is only not ready until it has once joined its
        groups: then the replica that it replaces may go. With no broker that answers it is ready to store at once. That another
        process has this one's name is no state to be ready in, nor that this one could apply nothing since it began: of a release
        that cannot, no replica may replace one that can. A partition that rests, or a group that is stuck later, is degraded.
        """
        for subscription in subscriptions:
            self._consumers.add(subscription, BatchConsumer(subscription, self.database, self._service))
        show = self.health.warn if called else self.health.require
        show("kafka", lambda: self._reach.problem)
        show("consumers", lambda: self._consumers.problem)
        if called:
            self.health.require("joining", lambda: self._consumers.joining)
        self.health.require("instance", lambda: self._consumers.fenced)
        self.health.require("applying", lambda: None if self._without_database else self._consumers.unproven)
        self.health.warn("batches", lambda: None if self._without_database else self._consumers.stuck)
        self.health.warn("partitions", lambda: self._consumers.resting)

    def loop(self, name: str, run: Loop) -> None:
        """Run `run` for as long as the service does; one that fails is logged and started again."""
        if name in self._loops:
            msg = f"there is a loop {name!r} already"
            raise ValueError(msg)
        self._loops[name] = run

    def sweep(self, name: str, seconds: float, once: Sweep) -> None:
        """Call `once` about every so many seconds, and again at once while it answers that there may be more to do.

        Replicas sweep side by side, none at the others' moments.
        """
        self.loop(name, lambda: sweep(self.database, seconds, once))

    def purge_after(self, query: str, days: int) -> None:
        """Once an hour have `query` delete what is older than `days` ($1), at most $2 rows of a table at a time, which it returns."""
        self._retention[query] = days

    def watch_months(self, metadata: MetaData) -> None:
        """Tell, as of the inbox, when the next month was not made of one of these tables that is kept by month."""
        self._months.add(metadata)

    def on_stop(self, close: Loop) -> None:
        """Call `close` after everything else has stopped."""
        self._closers.append(close)

    def application(self, public: ASGIApp | None = None) -> Application:
        """The service with health and metrics on its admin port, and `public` on its public one, if it has any."""
        return Application(self.running, self.health.pages(), public)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Run everything while the block lasts."""
        task = asyncio.create_task(self._keep_running("runtime", self._run), name="runtime")
        try:
            yield
        finally:
            await _cancel(task)
            for close in self._closers:
                await close()

    @property
    def _without_database(self) -> str | None:
        return self._database_problem or self.relay.session_problem

    async def _run(self) -> None:
        url, connections = self._settings.database_url.get_secret_value(), self._settings.database_connections
        pool = await create_pool(url, connections, self._not_connected)
        self.database.use(pool)
        inner = [
            asyncio.create_task(self._keep_running(name, run), name=name)
            for name, run in {**self._loops, "consumers": self._consumers.run}.items()
        ]
        try:
            await asyncio.wait(inner)  # unlike gather, leaves the order of stopping to us
        finally:
            relay, *others = inner
            await _cancel(*others)  # at once: each may have work to finish
            await _cancel(relay)  # what the others wrote last is sent by now, or by another replica's
            self.database.use(None)
            await _close(pool)

    def _not_connected(self, why: str) -> None:
        self._database_problem = f"not connected: {why}"

    async def _keep_running(self, name: str, run: Loop) -> None:
        while True:
            try:
                await run()
            except AWAY as error:
                log.warning("loop interrupted", loop=name, error=repr(error), restart_in_seconds=_RESTART_SECONDS)
            except Exception:  # noqa: BLE001 - a loop that ends would end silently
                log.exception("loop failed", loop=name, restart_in_seconds=_RESTART_SECONDS)
            if _is_told_to_stop():
                return  # it failed while it stopped
            await asyncio.sleep(_RESTART_SECONDS)

    async def _watch(self, database: Database) -> None:
        try:
            async with asyncio.timeout(_WATCH_SECONDS * 2):
                row = await database.reads.fetchrow(_OUTBOX, self.relay.handover.floor.id)
            assert row is not None
            metrics.OUTBOX_ROWS.set(row["rows"])
            metrics.OUTBOX_AGE_SECONDS.set(row["age"])
            self._database_problem = _READ_ONLY if row["read_only"] else None
        except AWAY:
            self._database_problem = "PostgreSQL away: it does not answer"
        except asyncpg.PostgresError as error:
            self._database_problem = f"PostgreSQL refuses: {error}"
            raise

    async def _show_lag(self, _database: Database) -> None:
        """Apart from the look at PostgreSQL: it may have to wait for Kafka."""
        for topic, messages in (await self._consumers.lag()).items():
            metrics.LAG.labels(topic).set(messages)

    async def _purge(self, database: Database) -> bool:
        return any([await purge(database, query, days) for query, days in self._retention.items()])


async def sweep(database: Database, seconds: float, once: Sweep) -> None:
    """The loop of `Runtime.sweep`, until cancelled."""
    while True:
        if not await once(database):
            await asyncio.sleep(seconds * ids.jitter(0.2))


async def purge(database: Database, query: str, days: int, rows: int = PURGE_ROWS) -> bool:
    """Delete one slice, as described at `Runtime.purge_after`; returns whether there may be more."""
    return len(await database.write(query, days, rows)) >= rows


def _is_told_to_stop() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _close(pool: Pool) -> None:
    try:
        async with asyncio.timeout(2):
            await pool.close()
    except TimeoutError:
        pool.terminate()
