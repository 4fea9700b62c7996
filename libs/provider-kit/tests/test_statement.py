"""Which stretch of a statement is read next: nothing is left out that the provider still shows, and what shows late is read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider_kit.statement import Stretch, Terms, next_look, second_look

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
NOW = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
TERMS = Terms(
    window=48 * HOUR,
    lateness=30 * MINUTE,
    longest=6 * HOUR,
    every=MINUTE,
    soonest=timedelta(seconds=10),
    again=24 * HOUR,
)


def test_what_may_still_show_late_is_read_again_each_time():
    look = next_look(TERMS, NOW - 31 * MINUTE, NOW)
    assert (look.stretch, look.more) == (Stretch(NOW - 31 * MINUTE, NOW, NOW - 30 * MINUTE), False)


def test_what_was_missed_for_long_is_caught_up_with_in_stretches():
    look = next_look(TERMS, NOW - 30 * HOUR, NOW)
    assert (look.stretch, look.more) == (Stretch(NOW - 30 * HOUR, NOW - 24 * HOUR, NOW - 24 * HOUR), True)


def test_what_the_provider_no_longer_shows_is_a_gap():
    look = next_look(TERMS, NOW - 50 * HOUR, NOW)
    assert (look.stretch.since, look.gap) == (NOW - 48 * HOUR, True)
    assert not next_look(TERMS, NOW - 48 * HOUR, NOW).gap


def test_a_clock_that_is_set_back_takes_back_nothing_that_is_known():
    assert next_look(TERMS, NOW, NOW - HOUR).stretch.again_from == NOW


def test_a_look_that_could_never_catch_up_is_refused():
    with pytest.raises(ValueError, match="longer than what it reads again"):
        replace(TERMS, longest=TERMS.lateness)
    with pytest.raises(ValueError, match="in the window still"):
        replace(TERMS, again=42 * HOUR)


def test_a_day_later_whole_stretches_are_read_once_more():
    assert second_look(TERMS, NOW - 29 * HOUR, NOW) is None
    look = second_look(TERMS, NOW - 31 * HOUR, NOW)
    assert look is not None
    assert (look.stretch.since, look.stretch.until, look.again) == (NOW - 31 * HOUR, NOW - 25 * HOUR, True)


def test_what_the_provider_no_longer_shows_is_not_read_once_more():
    look = second_look(TERMS, NOW - 90 * HOUR, NOW)
    assert look is not None
    assert look.stretch.since == NOW - 48 * HOUR


@given(st.lists(st.timedeltas(timedelta(), 60 * HOUR), min_size=1, max_size=10))
def test_looks_leave_nothing_out_whenever_they_come(pauses):
    covered = NOW
    now = NOW
    for pause in pauses:
        now += pause
        looks = 0
        more = True
        while more:
            look = next_look(TERMS, covered, now)
            assert look.stretch.since == max(covered, now - TERMS.window)
            assert look.gap == (covered < now - TERMS.window)
            assert look.stretch.since <= look.stretch.again_from <= look.stretch.until
            covered, more, looks = look.stretch.again_from, look.more, looks + 1
        assert covered >= now - TERMS.lateness
        assert looks <= TERMS.window / (TERMS.longest - TERMS.lateness) + 1
