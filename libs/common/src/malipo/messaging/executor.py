"""Runs due rows of a table: nudged in process, polling as the net, under leases that end when the process does."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import NamedTuple, Protocol

from malipo import ids
from malipo.messaging.pool import AWAY
from malipo.platform.logs import log

_RENEWALS = 4  # within one lease, so that a slow one or two do not lose it
_AWAY_SECONDS = 1.0
_FINISH_SECONDS = 12.0  # within the time that a service has to stop
_CUT_SHORT_SECONDS = 1.0
_LONGEST_REST_SECONDS = 1.0
"""Between two looks while there is nothing to do, and nobody says so: a row comes due, or another process has died."""


class Lease(NamedTuple):
    """What a process puts on the rows that it runs: nobody else touches them until `seconds` after it was renewed."""

    token: str
    seconds: float


class Leased(Protocol):
    """A row that was claimed: nobody else runs it while the lease lasts."""

    @property
    def id(self) -> str:
        """The row's primary key."""
        ...


type Claim[W: Leased] = Callable[[Lease, int, Sequence[str]], Awaitable[Sequence[W]]]
"""Leases up to so many due rows, none of those that run here, and commits."""


class Executor[W: Leased]:
    """Keeps up to `limit` claimed rows running at once.

    `claim(lease, count, running)` leases up to `count` due rows, none of those that still run here, and commits;
    `run(row)` does the work and records its end with the lease's token, so that a process which lost its lease changes
    nothing. The lease of every running row is renewed; with the process dead it ends, and another replica claims the row.
    """

    def __init__(
        self,
        name: str,
        *,
        claim: Claim[W],
        run: Callable[[W], Awaitable[None]],
        renew: Callable[[Lease, Sequence[str]], Awaitable[None]],
        limit: int,
        lease_seconds: float,
        poll_seconds: float = 0.25,
    ) -> None:
        self.lease = Lease(ids.new("run"), lease_seconds)
        self._name = name
        self._claim = claim
        self._run = run
        self._renew = renew
        self._limit = limit
        self._poll_seconds = self._rest_seconds = poll_seconds
        self._running: dict[str, asyncio.Task[None]] = {}
        self._context = copy_context()
        self._wake = asyncio.Event()
        self._claiming = False
        self._crowded = False  # whether rows may be due for which there was no room
        self._stopping = True  # until it runs

    def nudge(self) -> None:
        """Something may be due: look now."""
        self._wake.set()

    def take(self, row: W) -> bool:
        """Run a row at once that was not claimed, if there is room; returns whether it does. Who runs it makes sure that
        nobody else has claimed it meanwhile.

        Not while a claim is under way: that may bring as many rows as there is room for, and this one, too.
        """
        full = self._crowded or self._claiming or len(self._running) >= self._limit
        if self._stopping or full or row.id in self._running:
            return False
        self._start(row)
        return True

    async def run(self) -> None:
        """Work until cancelled; then finish what is running, its leases renewed until it has, and hand back what lasts too long.

        A claim under way comes to its end first, too: what it has leased in the table would be nobody's for the lease.
        """
        self._stopping = False
        renewing = asyncio.create_task(self._renew_for_ever())
        claiming = asyncio.create_task(self._claim_for_ever())
        try:
            await asyncio.shield(claiming)
        finally:
            self._stopping = True
            self._wake.set()
            await self._finish(claiming)
            renewing.cancel()
            await asyncio.wait([renewing])
            await self._hand_back()

    async def _finish(self, claiming: asyncio.Task[None]) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_FINISH_SECONDS):
                await asyncio.wait([claiming])
                while self._running:
                    await asyncio.wait(self._running.values())
        claiming.cancel()

    async def _hand_back(self) -> None:
        """Let others claim at once what does not come to its end here; they do with it as with what a dead process had."""
        held = dict(self._running)
        if not held:
            return
        for task in held.values():
            task.cancel()
        await asyncio.wait(held.values(), timeout=_CUT_SHORT_SECONDS)
        ended = [row_id for row_id, task in held.items() if task.done()]
        log.info("work handed back", executor=self._name, rows=len(ended))
        with suppress(*AWAY):
            async with asyncio.timeout(_CUT_SHORT_SECONDS):
                await self._renew(self.lease._replace(seconds=0.0), ended)

    async def _claim_for_ever(self) -> None:
        """Whatever fails, what runs goes on: a provider's answer may wait here to be recorded."""
        while not self._stopping:
            self._wake.clear()
            try:
                more = await self._claim_once()
            except AWAY as error:
                log.warning("database away", executor=self._name, error=repr(error))
                await asyncio.sleep(_AWAY_SECONDS)
            except Exception:  # noqa: BLE001 - as of a disk that is full
                log.exception("nothing claimed", executor=self._name, retry_in_seconds=_AWAY_SECONDS)
                await asyncio.sleep(_AWAY_SECONDS)
            else:
                if not more and not self._stopping:
                    await self._rest()

    async def _rest(self) -> None:
        """Until somebody nudges; else soon while rows are running, and ever later while none is."""
        longer = min(2 * self._rest_seconds, max(self._poll_seconds, _LONGEST_REST_SECONDS))
        self._rest_seconds = self._poll_seconds if self._running else longer
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), self._rest_seconds)

    async def _claim_once(self) -> bool:
        """Start what is due; returns whether there may be more."""
        free = self._limit - len(self._running)
        self._crowded = free <= 0
        if self._crowded:
            return False
        self._claiming = True
        try:
            rows = await self._claim(self.lease, free, list(self._running))
        finally:
            self._claiming = False
        self._crowded = len(rows) == free
        for row in rows:
            self._start(row)
        return self._crowded

    def _start(self, row: W) -> None:
        # In no context of who hands it over, as of a message: what is logged and traced is about the row alone.
        task = asyncio.create_task(self._guard(row), name=f"{self._name}:{row.id}", context=self._context.copy())
        self._running[row.id] = task
        task.add_done_callback(partial(self._ended, row.id))

    def _ended(self, row_id: str, _task: asyncio.Task[None]) -> None:
        del self._running[row_id]
        if self._crowded:
            self._wake.set()

    async def _guard(self, row: W) -> None:
        try:
            await self._run(row)
        except AWAY as error:
            # The row's end could not be recorded: its lease runs out and the row is taken up again.
            log.warning("database away", executor=self._name, row=row.id, error=repr(error))
        except Exception:  # noqa: BLE001 - a bug in one row must not stop the others
            log.exception("row failed", executor=self._name, row=row.id)

    async def _renew_for_ever(self) -> None:
        seconds = self.lease.seconds / _RENEWALS
        while True:
            await asyncio.sleep(seconds)
            held = list(self._running)
            try:
                if held:
                    await self._renew(self.lease, held)
            except Exception:  # noqa: BLE001 - without renewals every longer run would be started a second time
                log.exception("leases not renewed", executor=self._name, retry_in_seconds=seconds)
