"""Ids and the time within them."""

from datetime import UTC, datetime, timedelta

import pytest

from malipo import clock, ids

NOW = datetime(2026, 3, 14, 15, 9, 26, 535897, UTC)


@pytest.mark.parametrize("moment", [NOW, NOW.replace(microsecond=535000), NOW.replace(microsecond=0)])
def test_all_ids_of_a_time_lie_between_its_first_and_its_last(moment):
    first, last = ids.first_at("pay", moment), ids.last_at("pay", moment)
    assert ids.made_at(first) >= moment > ids.made_at(first) - timedelta(milliseconds=1)
    assert ids.made_at(last) <= moment < ids.made_at(last) + timedelta(milliseconds=1)
    assert ids.is_id(first, "pay")
    assert ids.is_id(last, "pay")


def test_a_new_id_lies_after_what_was_before_it_and_before_what_comes():
    before = clock.now() - timedelta(milliseconds=2)
    made = ids.new("pay")
    assert ids.last_at("pay", before) < made < ids.first_at("pay", clock.now() + timedelta(milliseconds=2))


def test_the_ends_of_the_calendar_have_ids_too():
    farthest, earliest = datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)
    assert ids.last_at("pay", earliest) < ids.new("pay") < ids.first_at("pay", farthest)


def test_a_derived_id_is_the_same_for_the_same_moment_and_name_and_another_for_any_other():
    derived = ids.derived("ref", NOW, "stripe/re_1")
    assert derived == ids.derived("ref", NOW, "stripe/re_1")
    others = {
        ids.derived("ref", NOW, "stripe/re_2"),
        ids.derived("pay", NOW, "stripe/re_1"),
        ids.derived("ref", NOW + timedelta(milliseconds=1), "stripe/re_1"),
    }
    assert len(others - {derived}) == 3
    assert ids.is_id(derived, "ref")
    assert ids.made_at(derived) == NOW.replace(microsecond=535000)
