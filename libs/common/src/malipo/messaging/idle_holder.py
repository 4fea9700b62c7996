"""A session that holds a relay's locks and relays nothing, as a pooler may keep one: what waits for it is told."""

from collections.abc import Sequence

from malipo import clock
from malipo.messaging.pool import Queries, Row
from malipo.platform.logs import log
from malipo.platform.poolers import LOCK_CLASS

_LOOK_SECONDS = 3.0
IDLE_SECONDS = 20
"""Longer than PostgreSQL lets a relay's own session ask nothing: whoever is idle for so long is none."""

# Of another role's session only its id is shown. Who was found stays so while rows wait, even if it is used now and then.
_HOLDER = """
SELECT pid, state, host(client_addr) AS address, state_change
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND datname = current_database() AND classid = $1 AND objsubid = 2 AND objid = ANY($2::integer[])
  AND (pid = $4 OR state IS NULL OR state LIKE 'idle%' AND state_change < now() - $3 * interval '1 second')
  AND EXISTS (
    SELECT FROM (SELECT shard, created_at FROM outbox ORDER BY id LIMIT 1000) AS oldest
    WHERE shard = objid::integer AND created_at < now() - $3 * interval '1 second'
  )
ORDER BY pid = $4 DESC LIMIT 1
"""


class IdleHolder:
    """Looks, now and then and while a relay lacks shards, whether rows wait for one who does nothing. Both ends are logged."""

    def __init__(self) -> None:
        self.problem: str | None = None
        self._pid: int | None = None
        self._looked_at = clock.monotonic()

    async def look(self, source: Queries, lacking: Sequence[int]) -> None:
        """See who holds the shards that the relay lacks, if it is time to."""
        if not lacking:
            return self._found(None)
        if clock.monotonic() - self._looked_at >= _LOOK_SECONDS:
            self._looked_at = clock.monotonic()
            self._found(await source.fetchrow(_HOLDER, LOCK_CLASS, lacking, IDLE_SECONDS, self._pid))
        return None

    def _found(self, holder: Row | None) -> None:
        before, self._pid = self._pid, None if holder is None else holder["pid"]
        self.problem = None if holder is None else _told(holder)
        if self._pid == before:
            return
        if self.problem:
            log.warning("relay waits", error=self.problem)
        else:
            log.info("relay waits no longer")


def _told(holder: Row) -> str:
    pid = holder["pid"]
    seen = f"session {pid} of another role"
    if holder["state"] is not None:
        since = holder["state_change"].isoformat(timespec="seconds")
        seen = f"session {pid} of {holder['address'] or 'a local socket'}, idle since {since}"
    return (
        f"rows wait in the outbox, and the relay's locks are held by {seen}:"
        f" if it is no replica's, end it by SELECT pg_terminate_backend({pid})"
    )
