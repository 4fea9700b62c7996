"""An append-only list that is read in pages: newest first, by cursor, by creation time."""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

TRIM_AT_ONCE = 1_000


class Dated(Protocol):
    """What a timeline holds; `created` (Unix seconds) never goes down from one item to the next."""

    @property
    def id(self) -> str: ...
    @property
    def created(self) -> int: ...


class UnknownCursor(Exception):
    """A page after or before an item that is not here, or no longer."""

    def __init__(self, item_id: str) -> None:
        super().__init__(item_id)
        self.item_id = item_id


@dataclass(frozen=True, slots=True)
class Page:
    """The parameters of a list call: items older than `after` or newer than `before`, both ids.

    `created_from` and `created_until` are inclusive.
    """

    limit: int = 10
    after: str | None = None
    before: str | None = None
    created_from: int | None = None
    created_until: int | None = None


class Timeline[T: Dated]:
    """Holds at most `bound` items if given (the oldest go first), and finds any by id without a scan."""

    def __init__(self, bound: int | None = None) -> None:
        self._bound = bound
        self._items: list[T] = []
        self._position: dict[str, int] = {}
        self._trimmed = 0

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[T]:
        return iter(self._items)

    def append(self, item: T) -> None:
        self._position[item.id] = self._trimmed + len(self._items)
        self._items.append(item)
        if self._bound is not None and len(self._items) >= self._bound + TRIM_AT_ONCE:
            self._trim()

    def find(self, item_id: str) -> T | None:
        position = self._position.get(item_id)
        return None if position is None else self._items[position - self._trimmed]

    def remove(self, item_id: str) -> None:
        """For short lists only: every later item moves up."""
        index = self._position.pop(item_id) - self._trimmed
        del self._items[index]
        for later in self._items[index:]:
            self._position[later.id] -= 1

    def page(self, page: Page, wanted: Callable[[T], bool] = lambda _: True) -> tuple[list[T], bool]:
        """Up to `limit` items, newest first, and whether there are more in that direction. Raises UnknownCursor."""
        low, high = self._window(page)
        backwards = page.before is not None
        order = range(low, high) if backwards else range(high - 1, low - 1, -1)
        found: list[T] = []
        for index in order:
            if not wanted(self._items[index]):
                continue
            if len(found) == page.limit:
                return (found[::-1] if backwards else found), True
            found.append(self._items[index])
        return (found[::-1] if backwards else found), False

    def _window(self, page: Page) -> tuple[int, int]:
        low, high = 0, len(self._items)
        if page.created_from is not None:
            low = bisect_left(self._items, page.created_from, key=created_of)
        if page.created_until is not None:
            high = bisect_left(self._items, page.created_until + 1, key=created_of)
        if page.after is not None:
            high = min(high, self._index(page.after))
        if page.before is not None:
            low = max(low, self._index(page.before) + 1)
        return low, high

    def _index(self, item_id: str) -> int:
        position = self._position.get(item_id)
        if position is None:
            raise UnknownCursor(item_id)
        return position - self._trimmed

    def _trim(self) -> None:
        for item in self._items[:TRIM_AT_ONCE]:
            del self._position[item.id]
        del self._items[:TRIM_AT_ONCE]
        self._trimmed += TRIM_AT_ONCE


def created_of(item: Dated) -> int:
    return item.created
