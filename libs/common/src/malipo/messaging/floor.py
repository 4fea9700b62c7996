"""Below which id nothing comes to the outbox any more: who looks into the table need not pass what was deleted below it."""

from collections import deque

LOWEST = """
SELECT CASE WHEN EXISTS (
    SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND backend_xid IS NOT NULL AND xact_start < now() - make_interval(secs => $1)
) THEN 0 ELSE
    coalesce(least((SELECT min(id) FROM outbox), pg_sequence_last_value(pg_get_serial_sequence('outbox', 'id'))), 0)
END
"""
"""The lowest id in the outbox, or the last one that was given out while there is none; 0 while somebody's commit hangs for $1 seconds."""
SECONDS = 60.0
"""Longer than any statement takes from its id to its commit, but for one that hangs: see `malipo/messaging/sessions.py`."""
HANGS_SECONDS = 30.0
"""Who commits that late has died while a synchronous standby does not answer: PostgreSQL goes on waiting, and the rows come at any
time. Less than `SECONDS`, so that it is noticed before the floor may pass them."""


class Floor:
    """The lowest id that a row of the outbox may have which is there now, or is still to come.

    Rows that were deleted stay in the index as long as anybody has an older view of the database, as a dump has for hours:
    whoever looks for the first rows of the table passes all of them. So the lowest id is looked up now and then, and what
    was the lowest throughout a minute is the floor: what had a lower one has been committed since, and was looked up, too. While
    a commit hangs, and for a minute after, there is none.
    """

    def __init__(self) -> None:
        self._looks = deque[tuple[float, int]]()

    @property
    def id(self) -> int:
        """The floor; 0 until the looks of a whole minute are known."""
        if not self._looks or self._looks[-1][0] - self._looks[0][0] < SECONDS:
            return 0
        return min(lowest for _, lowest in self._looks)

    def looked(self, at: float, lowest: int) -> None:
        """At this moment of `clock.monotonic`, or a little later, this was `LOWEST`."""
        self._looks.append((at, lowest))
        while len(self._looks) > 1 and at - self._looks[1][0] >= SECONDS:
            self._looks.popleft()

    def forget(self) -> None:
        """It may be another server from now on."""
        self._looks.clear()
