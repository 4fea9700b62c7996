"""Callbacks that nobody has signed may make us ask the provider: a few of one account at once, and few that wait."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from weakref import WeakValueDictionary

from provider_kit.errors import NotSent

AT_ONCE = 4
WAITING = 40
"""Of one account; what comes beyond these is to be sent again."""


class Turns:
    """Who floods one account's address asks its provider at most `AT_ONCE` times at once, and delays no other account.

    How often that is in a minute depends on how fast the provider answers: this is no limit of a rate. The queries that
    hints cause have one, by operation: see `knowledge.ask`.
    """

    def __init__(self, *, limited: bool) -> None:
        self._limited = limited
        self._slots = WeakValueDictionary[str, asyncio.Semaphore]()
        self._present = Counter[str]()

    def of(self, account: str) -> AbstractAsyncContextManager[None]:
        """The block runs when it is its turn. Raises `NotSent` at once when too many of this account wait."""
        return self._turn(account) if self._limited else nullcontext()

    @asynccontextmanager
    async def _turn(self, account: str) -> AsyncGenerator[None]:
        if self._present[account] >= AT_ONCE + WAITING:
            raise NotSent("too many callbacks of one account at once")
        slots = self._slots.get(account) or self._slots.setdefault(account, asyncio.Semaphore(AT_ONCE))
        self._present[account] += 1
        try:
            async with slots:
                yield
        finally:
            self._present[account] -= 1
            if not self._present[account]:
                del self._present[account]
