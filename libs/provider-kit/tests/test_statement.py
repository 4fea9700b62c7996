"""Which stretch of a statement is read next: nothing is left out that the provider still shows, and what shows late is read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider_kit.statement import Known, Look, Stretch, Terms, next_look

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
NOW = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
TERMS = Terms(
    window=48 * HOUR,
    lateness=30 * MINUTE,
    longest=6 * HOUR,
    every=MINUTE,
    soonest=timedelta(seconds=10),
    again=HOUR,
)


def look_at(covered_until: datetime, now: datetime = NOW, *, failures: int = 0, **known: datetime) -> Look:
    """At a statement that is known from three days ago on, and of which nothing is to be read once more yet."""
    given = {"covered_since": NOW - 72 * HOUR, "again_from": covered_until, "again_at": now + MINUTE} | known
    return next_look(TERMS, Known(covered_until=covered_until, **given), now, failures)


def test_what_may_still_show_late_is_read_again_each_time():
    look = look_at(NOW - 31 * MINUTE)
    assert (look.stretch, look.more) == (Stretch(NOW - 31 * MINUTE, NOW, NOW - 30 * MINUTE), False)
    assert look.known.covered_until == NOW - 30 * MINUTE


def test_what_was_missed_for_long_is_caught_up_with_in_stretches():
    look = look_at(NOW - 30 * HOUR)
    assert (look.stretch, look.more) == (Stretch(NOW - 30 * HOUR, NOW - 24 * HOUR, NOW - 24 * HOUR), True)


def test_what_the_provider_no_longer_shows_is_a_gap():
    look = look_at(NOW - 50 * HOUR)
    assert (look.stretch.since, look.gap) == (NOW - 48 * HOUR, True)
    assert look.known.covered_since == NOW - 48 * HOUR
    assert not look_at(NOW - 48 * HOUR).gap


def test_a_stretch_that_was_perhaps_too_long_is_halved_with_each_failure():
    lengths = [look_at(NOW - 30 * HOUR, failures=number).stretch for number in range(9)]
    assert [(one.until - one.since) / MINUTE for one in lengths] == [360, 180, 90, 45, 22.5, 11.25, 5.625, 5.625, 5.625]


def test_a_clock_that_was_ahead_for_a_while_hides_nothing():
    ahead = NOW + 3 * HOUR
    look = look_at(look_at(ahead - 31 * MINUTE, ahead).known.covered_until, NOW)
    assert look.ahead
    assert look.stretch.since == NOW - 48 * HOUR
    assert look.known.covered_until == NOW - 42 * HOUR


def test_a_clock_that_was_ahead_when_an_account_was_new_does_not_make_it_older():
    look = look_at(NOW + 2 * HOUR, covered_since=NOW + 2 * HOUR)
    assert look.stretch.since == look.known.covered_since == NOW - 30 * MINUTE


def test_a_look_that_could_never_catch_up_is_refused():
    with pytest.raises(ValueError, match="longer than what it reads again"):
        replace(TERMS, longest=TERMS.lateness)


@pytest.mark.parametrize("every", [timedelta(seconds=10), MINUTE, 5 * MINUTE])
def test_all_that_the_provider_shows_is_read_once_more_each_hour(every):
    terms = replace(TERMS, every=every)
    now, read = NOW, []
    known = Known(NOW - 72 * HOUR, NOW - 30 * MINUTE, NOW - 30 * MINUTE, NOW)
    while now < NOW + HOUR + every:
        look = next_look(terms, known, now)
        assert look.again is not None
        read.append(look.again)
        known, now = look.known, now + every
    first, *others = sorted(read, key=lambda one: one.since)
    reached = first.until
    for one in others:
        assert one.since <= reached
        reached = max(reached, one.until)
    assert first.since <= NOW - terms.window + HOUR + every
    assert reached >= NOW - 31 * MINUTE


def test_what_is_read_once_more_waits_for_its_turn_and_for_what_is_new():
    assert look_at(NOW - 31 * MINUTE).again is None
    assert look_at(NOW - 30 * HOUR, again_at=NOW).again is None
    assert look_at(NOW - 31 * MINUTE, again_at=NOW).again is not None
    assert look_at(NOW - 31 * MINUTE, again_at=NOW + 3 * HOUR).again is not None  # by a clock that was ahead


def test_nothing_is_read_of_before_an_account_was_known():
    look = look_at(NOW - 31 * MINUTE, again_at=NOW, covered_since=NOW - 40 * MINUTE)
    assert look.again == Stretch(NOW - 40 * MINUTE, NOW - 31 * MINUTE, NOW - 31 * MINUTE)
    assert look_at(NOW - 31 * MINUTE, again_at=NOW, covered_since=NOW - 31 * MINUTE).again is None


@given(st.lists(st.timedeltas(timedelta(), 60 * HOUR), min_size=1, max_size=10))
def test_looks_leave_nothing_out_whenever_they_come(pauses):
    known = Known(NOW, NOW, NOW, NOW)
    now = NOW + TERMS.lateness
    for pause in pauses:
        now += pause
        looks = 0
        more = True
        while more:
            look = next_look(TERMS, known, now)
            assert look.stretch.since == max(known.covered_until, now - TERMS.window)
            assert look.gap == (known.covered_until < now - TERMS.window)
            assert look.stretch.since <= look.stretch.again_from <= look.stretch.until
            known, more, looks = look.known, look.more, looks + 1
        assert known.covered_until >= now - TERMS.lateness
        assert looks <= TERMS.window / (TERMS.longest - TERMS.lateness) + 1
