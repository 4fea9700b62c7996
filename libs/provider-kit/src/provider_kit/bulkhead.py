"""A bulkhead per provider account: a slow account never takes the last of the slots."""

from collections import Counter
from collections.abc import Sequence


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
        return [account for account in self._held if not self._has_room(account)]

    def enter(self, account: str) -> bool:
        """Take a slot if the account may."""
        if not self._has_room(account):
            return False
        self._held[account] += 1
        return True

    def leave(self, account: str) -> bool:
        """Give a slot back; returns whether the account may have had to wait for it."""
        waited = not self._has_room(account)
        self._held[account] -= 1
        if not self._held[account]:
            del self._held[account]
        return waited

    def _has_room(self, account: str) -> bool:
        return self._held[account] < self._slots - self._held.total()
