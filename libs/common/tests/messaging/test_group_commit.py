"""Group commit with a table in memory."""

import asyncio
from collections.abc import Sequence

import pytest

from malipo.messaging.group_commit import GroupCommit
from testkit.waiting import until


class Table:
    """Keeps what was written, batch by batch; a batch with a bad item changes nothing."""

    def __init__(self, *bad: str) -> None:
        self.bad = bad
        self.error: Exception = ValueError("bad item")
        self.batches: list[list[str]] = []
        self.free = asyncio.Event()
        self.entered = 0

    async def write(self, items: Sequence[str]) -> list[str]:
        self.entered += 1
        await self.free.wait()
        if set(items) & set(self.bad):
            raise self.error
        self.batches.append(list(items))
        return [item.upper() for item in items]


async def test_what_comes_while_a_batch_is_written_is_written_together_and_each_gets_its_own_answer():
    table = Table()
    group = GroupCommit(table.write, most=10)
    first = asyncio.create_task(group.add("a"))
    await until(lambda: table.entered == 1, what="the first is being written")
    others = [asyncio.create_task(group.add(item)) for item in "bcd"]
    await asyncio.sleep(0)
    table.free.set()
    assert await asyncio.gather(first, *others) == ["A", "B", "C", "D"]
    assert table.batches == [["a"], ["b", "c", "d"]]


async def test_no_batch_is_larger_than_the_most():
    table = Table()
    table.free.set()
    group = GroupCommit(table.write, most=2)
    assert await asyncio.gather(*[group.add(item) for item in "abcde"]) == list("ABCDE")
    assert table.batches == [["a", "b"], ["c", "d"], ["e"]]


async def test_one_that_cannot_be_written_takes_no_neighbour_along():
    table = Table("b")
    table.free.set()
    group = GroupCommit(table.write, most=10)
    results = await asyncio.gather(*[group.add(item) for item in "abc"], return_exceptions=True)
    assert (results[0], results[2]) == ("A", "C")
    assert isinstance(results[1], ValueError)
    assert table.batches == [["a"], ["c"]]


async def test_with_the_database_away_all_of_a_batch_get_that_error_and_none_is_tried_alone():
    table = Table("b")
    table.error = ConnectionResetError()
    table.free.set()
    group = GroupCommit(table.write, most=10)
    results = await asyncio.gather(*[group.add(item) for item in "abc"], return_exceptions=True)
    assert [type(result) for result in results] == [ConnectionResetError] * 3
    assert table.entered == 1


async def test_of_those_that_are_tried_alone_each_has_an_outcome_of_its_own_also_when_the_database_goes_meanwhile():
    errors = {"bad": ValueError("bad item"), "unlucky": ConnectionResetError()}
    committed: list[str] = []

    async def write(items: Sequence[str]) -> list[str]:
        for item in items:
            if item in errors:
                raise errors[item]
        committed.extend(items)
        return [item.upper() for item in items]

    group = GroupCommit(write, most=10)
    results = await asyncio.gather(*[group.add(one) for one in ("a", "bad", "unlucky", "d")], return_exceptions=True)
    assert results == ["A", errors["bad"], errors["unlucky"], "D"]
    assert committed == ["a", "d"]


async def test_one_who_goes_away_leaves_the_batch_to_the_others():
    table = Table()
    group = GroupCommit(table.write, most=10)
    going = asyncio.create_task(group.add("a"))
    staying = asyncio.create_task(group.add("b"))
    await until(lambda: table.entered == 1, what="both are being written")
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    table.free.set()
    assert await staying == "B"
    assert table.batches == [["a", "b"]]
