"""The kit's agenda: what happens later by the simulator's clock."""

import asyncio
import itertools
from collections.abc import Callable
from datetime import timedelta

import pytest

from malipo_simulators.kit.agenda import Agenda
from malipo_simulators.kit.clock import Clock
from malipo_simulators.kit.timers import Timers

pytestmark = pytest.mark.asyncio

HOUR = timedelta(hours=1)


class Diary:
    """An agenda whose steps write down when they were carried out."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.agenda = Agenda(self.clock, Timers())
        self.begun = self.clock.moment()
        self.lines: list[tuple[str, int]] = []

    def plan(self, name: str, hours: int, then: str | None = None) -> None:
        self.agenda.add(self.begun + hours * HOUR, lambda: self.write(name, hours, then))

    def write(self, name: str, hours: int, then: str | None) -> None:
        self.lines.append((name, round((self.agenda.now() - self.begun) / HOUR)))
        if then:
            self.plan(then, hours + 1)

    def pass_hours(self, hours: int) -> int:
        self.clock.advance(hours * 3600)
        return self.agenda.run()


async def test_steps_are_carried_out_in_their_order_each_at_its_own_time():
    diary = Diary()
    diary.plan("late", 5)
    diary.plan("early", 1)
    assert diary.pass_hours(3) == 1
    assert diary.pass_hours(7) == 1
    assert diary.lines == [("early", 1), ("late", 5)]


async def test_what_follows_from_a_step_and_is_due_as_well_comes_before_what_is_later():
    diary = Diary()
    diary.plan("first", 1, then="second")
    diary.plan("last", 3)
    assert diary.pass_hours(4) == 3
    assert diary.lines == [("first", 1), ("second", 2), ("last", 3)]


async def test_no_moment_is_given_twice_or_goes_back():
    diary = Diary()
    moments = [diary.agenda.now() for _ in range(1000)]
    diary.agenda.add(diary.begun, lambda: moments.append(diary.agenda.now()))
    diary.agenda.run()
    assert all(one < other for one, other in itertools.pairwise(moments))


async def test_a_step_that_fails_leaves_the_others_and_the_time_as_they_are():
    diary = Diary()
    diary.agenda.add(diary.begun + HOUR, lambda: 1 / 0)
    diary.plan("next", 2)
    diary.clock.advance(3 * 3600)
    with pytest.raises(ZeroDivisionError):
        diary.agenda.run()
    assert diary.agenda.run() == 1
    assert diary.lines == [("next", 2)]
    assert diary.agenda.now() >= diary.begun + 3 * HOUR


class EarlyTimers(Timers):
    """By a clock that is ahead of the agenda's."""

    def later(self, delay_seconds: float, action: Callable[[], object]) -> None:
        super().later(delay_seconds / 2, action)


async def test_a_step_whose_timer_comes_too_early_is_carried_out_at_its_time():
    clock, done = Clock(), asyncio.Event()
    due = clock.moment() + timedelta(milliseconds=50)
    Agenda(clock, EarlyTimers()).add(due, done.set)
    async with asyncio.timeout(10):
        await done.wait()
    assert clock.moment() >= due
