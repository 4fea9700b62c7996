"""Looks into PostgreSQL while a load is on: what of it is held, and whether it waits for its log to be on the disk."""

import asyncio
import threading
from collections.abc import Generator, Mapping
from contextlib import AsyncExitStack, contextmanager
from typing import Any

from bench.fullness import Held, held
from malipo.platform.settings import ServiceSettings
from malipo_local import Stack
from malipo_local.connection import connected
from webhook_dispatcher.settings import Settings as DispatcherSettings

LOG = "PostgreSQL's log (WAL) on its way to the disk"
_EVERY_SECONDS = 0.5
_DATABASE = "bench_watch"  # of its own, so that these looks are no work of a service
OPERATIONS = 48
"""Of a provider's service at once: `provider_kit.work.CONCURRENT_OPERATIONS`, which older commits have elsewhere (`compare`)."""
_CONNECTIONS: int = ServiceSettings.model_fields["database_connections"].default
_DELIVERIES: int = DispatcherSettings.model_fields["attempts_at_once"].default
_ACTIVITY = """
SELECT datname, count(*) FILTER (WHERE state <> 'idle') AS busy,
    count(*) FILTER (WHERE wait_event IN ('WalSync', 'WalWrite', 'WALWrite')) AS at_the_log
FROM pg_stat_activity WHERE pid <> pg_backend_pid() GROUP BY datname
"""
_AT_WORK = {
    "provider": "SELECT count(*) FROM attempts WHERE done_at IS NULL AND kind <> 'query' AND lease_until > now()",
    "webhook": "SELECT count(*) FROM deliveries WHERE lease_token IS NOT NULL AND lease_until > now()",
}
"""What a service's executor has in hand, by how the service's name begins."""


class Watch:
    """What was seen so far."""

    def __init__(self, limits: Mapping[str, float]) -> None:
        self._limits = limits
        self._seen: list[dict[str, float]] = []
        self._from = 0

    def add(self, sample: dict[str, float]) -> None:
        """One look."""
        self._seen.append(sample)

    def begin(self) -> None:
        """Forget what was seen before, as during a warm-up."""
        self._from = len(self._seen)

    def held(self) -> dict[str, Held]:
        """What was held since `begin`."""
        return held(self._seen[self._from :], self._limits)


@contextmanager
def watching(stack: Stack) -> Generator[Watch]:
    """Look twice a second for as long as the block lasts."""
    executors = {name: query for name in _services(stack) for kind, query in _AT_WORK.items() if name.startswith(kind)}
    watch, ended = Watch(limits(stack)), threading.Event()
    url = stack.create_database(_DATABASE)
    thread = threading.Thread(target=lambda: asyncio.run(_look(stack, url, executors, watch, ended)), name="watch")
    thread.start()
    try:
        yield watch
    finally:
        ended.set()
        thread.join()


def limits(stack: Stack) -> dict[str, float]:
    """How much there is of each thing that is looked at, in all replicas together."""
    found: dict[str, float] = {LOG: 1}
    for name, replicas in _services(stack).items():
        settings = stack.plan.settings.get(name, {})
        found[_connections_of(name)] = replicas * int(settings.get("DATABASE_CONNECTIONS", _CONNECTIONS))
        if name.startswith("provider"):
            found[_slots_of(name)] = replicas * OPERATIONS
        if name == "webhook-dispatcher":
            found[_slots_of(name)] = replicas * int(settings.get("ATTEMPTS_AT_ONCE", _DELIVERIES))
    return found


def _services(stack: Stack) -> dict[str, int]:
    """The services by name, with how many processes each has."""
    units = [unit.service for unit in stack.status() if unit.kind == "service"]
    return {name: units.count(name) for name in units}


def _connections_of(service: str) -> str:
    return f"{service}: connections to PostgreSQL"


def _slots_of(service: str) -> str:
    return f"{service}: slots of its executor"


async def _look(stack: Stack, url: str, executors: Mapping[str, str], watch: Watch, ended: threading.Event) -> None:
    async with AsyncExitStack() as opened:
        all_of_it = await opened.enter_async_context(connected(url))
        inside = {
            name: await opened.enter_async_context(connected(stack.administrator_url(name))) for name in executors
        }
        while not ended.is_set():
            sample = _sample(await all_of_it.fetch(_ACTIVITY))
            for name, query in executors.items():
                sample[_slots_of(name)] = float(await inside[name].fetchval(query))
            watch.add(sample)
            await asyncio.sleep(_EVERY_SECONDS)


def _sample(activity: list[Any]) -> dict[str, float]:
    sample: dict[str, float] = {LOG: float(any(row["at_the_log"] for row in activity))}
    for row in activity:
        if (row["datname"] or "").startswith("malipo_"):
            service = row["datname"].removeprefix("malipo_").replace("_", "-")
            sample[_connections_of(service)] = float(row["busy"])
    return sample
