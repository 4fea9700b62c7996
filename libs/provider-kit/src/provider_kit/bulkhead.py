"""A bulkhead per provider account: a slow account never takes the last of the slots."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from malipo.messaging.executor import Lease
from provider_kit.attempt_rows import ClaimedAttempt, account_of

type ClaimWithout = Callable[[Lease, int, Sequence[str], Sequence[str]], Awaitable[Sequence[ClaimedAttempt]]]
"""Claims as an executor does, and nothing of some accounts."""


class Bulkhead:
    """Who holds how many of `slots`. An account may take one more while it holds fewer than are free.

    So one account alone takes at most half of them, a second one at most half of what is left, and so on: whoever hangs,
    there is room for others, and nothing is kept for those who do not come.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._held = Counter[str]()

    def full(self) -> Sequence[str]:
        """The accounts that may take no more for now."""
        return [account for account in self._held if not self.has_room(account)]

    def has_room(self, account: str) -> bool:
        """Whether the account may take one more now."""
        return self._held[account] < self._slots - self._held.total()

    def most(self) -> int:
        """How many may be claimed at once: as many as one account could take, whichever it is, so that all may enter."""
        free = self._slots - self._held.total()
        return min(((free - held + 1) // 2 for held in {0, *self._held.values()} if held < free), default=0)

    def enter(self, account: str) -> None:
        """Take a slot."""
        self._held[account] += 1

    def leave(self, account: str) -> bool:
        """Give a slot back; returns whether the account may have had to wait for it."""
        waited = not self.has_room(account)
        self._held[account] -= 1
        if not self._held[account]:
            del self._held[account]
        return waited


class Shares:
    """Between an executor and its table: claims for each account no more than it may hold. `nudge` is the executor's."""

    def __init__(
        self,
        slots: int,
        claim: ClaimWithout,
        run: Callable[[ClaimedAttempt], Awaitable[None]],
    ) -> None:
        self.nudge: Callable[[], None] = lambda: None
        self._bulkhead = Bulkhead(slots)
        self._claim = claim
        self._run = run

    async def claim(self, lease: Lease, count: int, running: Sequence[str]) -> Sequence[ClaimedAttempt]:
        """What may run now: never more than one account may take, so that nothing has to be given back."""
        most = min(count, self._bulkhead.most())
        rows = await self._claim(lease, most, running, self._bulkhead.full())
        for claimed in rows:
            self._bulkhead.enter(account_of(claimed.command))
        if rows and len(rows) == most:
            self.nudge()  # there may be more, for which there was room
        return rows

    def take(self, claimed: ClaimedAttempt, begin: Callable[[ClaimedAttempt], bool]) -> bool:
        """Have the executor `begin` one that nobody has claimed, if its account may hold it; returns whether it has."""
        account = account_of(claimed.command)
        taken = self._bulkhead.has_room(account) and begin(claimed)
        if taken:
            self._bulkhead.enter(account)
        return taken

    async def run(self, claimed: ClaimedAttempt) -> None:
        """Run one of them, and give its slot back."""
        try:
            await self._run(claimed)
        finally:
            if self._bulkhead.leave(account_of(claimed.command)):
                self.nudge()
