"""The periods of a series, counted from its first day."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.series.periods import period_at


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("first", "per", "now", "starts", "ends"),
    [
        ("2026-11-05", "day", "2026-11-05", "2026-11-05", "2026-11-06"),
        ("2026-11-05", "week", "2026-11-18T23:59:59.999", "2026-11-12", "2026-11-19"),
        ("2026-11-05", "month", "2026-12-04T23:59", "2026-11-05", "2026-12-05"),
        ("2026-11-05", "month", "2026-12-05", "2026-12-05", "2027-01-05"),
        ("2026-01-31", "month", "2026-02-27", "2026-01-31", "2026-02-28"),
        ("2026-01-31", "month", "2026-02-28", "2026-02-28", "2026-03-31"),
        ("2026-01-31", "month", "2026-03-30", "2026-02-28", "2026-03-31"),
        ("2024-02-29", "year", "2026-12-31", "2026-02-28", "2027-02-28"),
        ("2024-02-29", "year", "2028-02-29", "2028-02-29", "2029-02-28"),
    ],
)
def test_a_period_begins_on_the_first_ones_day(first, per, now, starts, ends):
    assert period_at(at(first), per, at(now)) == (at(starts), at(ends))


def test_there_is_none_before_the_first():
    assert period_at(at("2026-11-05"), "month", at("2026-11-04T23:59:59")) is None


@given(
    first=st.datetimes(datetime(1, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001 - hypothesis wants it so
    after=st.timedeltas(timedelta(0), timedelta(days=100_000)),
    per=st.sampled_from(["day", "week", "month", "year"]),
)
def test_each_moment_is_in_one_period_and_the_next_begins_where_it_ends(first, after, per):
    first = first.replace(tzinfo=UTC)
    now = first + after
    period = period_at(first, per, now)
    assert period is not None
    assert period.starts_at <= now < period.ends_at
    following = period_at(first, per, period.ends_at)
    assert following is not None
    assert following.starts_at == period.ends_at
