"""Months, and which rows are of each."""

from datetime import UTC, datetime, timedelta

import pytest

from malipo import ids
from malipo.messaging.tables import INBOX, OUTBOX
from malipo.platform.months import Month, monthly, with_loose_rows

(inbox,) = monthly([INBOX])
MILLISECOND = timedelta(milliseconds=1)


def test_a_month_is_followed_by_the_next_one_across_the_turn_of_a_year():
    assert [str(month) for month in Month(2026, 11).to(Month(2027, 2))] == ["2026-11", "2026-12", "2027-01", "2027-02"]
    assert Month(2027, 1).plus(-1) == Month(2026, 12)
    assert Month(2026, 12).ends == datetime(2027, 1, 1, tzinfo=UTC)


def test_an_id_is_of_the_month_in_which_it_was_made():
    low, high = inbox.low(Month(2026, 12)).strip("'"), inbox.high(Month(2026, 12)).strip("'")
    first, last = datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC) - MILLISECOND
    for _ in range(100):
        assert ids.new("msg", first - MILLISECOND) < low < ids.new("msg", first)
        assert ids.new("msg", last) < high < ids.new("msg", last + MILLISECOND)


def test_a_table_of_a_month_is_called_after_it():
    assert inbox.part(Month(2027, 3)) == "inbox_2027_03"
    assert inbox.month_of("inbox_2027_03") == Month(2027, 3)


@pytest.mark.parametrize("name", ["inbox_default", "inbox_undated", "inbox_old", "inbox_2027_13", "inbox_2027_03_old"])
def test_a_table_of_another_name_is_of_no_month(name):
    assert inbox.month_of(name) is None


def test_single_rows_are_purged_only_where_no_month_has_them():
    assert with_loose_rows(INBOX) == ["inbox_default", "inbox_undated"]
    assert with_loose_rows(OUTBOX) == ["outbox"]
