"""The simulated bank's calendar: opening hours, cut-offs, weekends and holidays, in New York's time."""

from datetime import UTC, date, datetime, time

import pytest

from malipo_simulators.bank.rails import BANK_TIME, RAILS, Calendar, RailName, is_banking_day

REAL = Calendar()


def new_york(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BANK_TIME)


@pytest.mark.parametrize(
    ("rail", "ordered", "goes"),
    [
        ("RTP", "2026-11-28T12:00", "2026-11-28T12:00"),
        ("RTP", "2026-11-28T22:00", "2026-11-29T06:00"),
        ("RTP", "2026-11-28T05:59", "2026-11-28T06:00"),
        ("ZELLE", "2026-11-28T03:00", "2026-11-28T03:00"),
        ("BOOK", "2026-12-25T03:00", "2026-12-25T03:00"),
        ("ACH", "2026-11-27T16:59", "2026-11-27T16:59"),
        ("ACH", "2026-11-27T17:00", "2026-11-30T06:00"),
        ("ACH", "2026-11-28T12:00", "2026-11-30T06:00"),
        ("ACH", "2026-11-25T18:00", "2026-11-27T06:00"),
        ("ACH", "2026-12-24T18:00", "2026-12-28T06:00"),
        ("ACH", "2026-11-30T05:00", "2026-11-30T06:00"),
        ("ACH", "2027-03-12T17:30", "2027-03-15T06:00"),
    ],
)
def test_a_payment_goes_at_once_or_when_its_rail_opens(rail, ordered, goes):
    assert REAL.opening(RAILS[RailName(rail)], new_york(ordered).astimezone(UTC)) == new_york(goes)


def test_a_payment_that_is_asked_for_on_a_day_goes_when_its_rail_opens_on_it_or_later():
    now = new_york("2026-11-27T12:00")
    assert REAL.opening(RAILS[RailName.ACH], now, date(2026, 11, 28)) == new_york("2026-11-30T06:00")
    assert REAL.opening(RAILS[RailName.RTP], now, date(2026, 11, 28)) == new_york("2026-11-28T06:00")
    assert REAL.opening(RAILS[RailName.RTP], now, date(2026, 11, 27)) == now


def test_banking_days_are_counted_over_weekends_and_holidays():
    thanksgiving_eve = new_york("2026-11-25T12:00")
    assert REAL.banking_days_after(thanksgiving_eve, 2, time(10)) == new_york("2026-11-30T10:00")


@pytest.mark.parametrize(
    "holiday",
    [
        *("2026-01-01", "2026-01-19", "2026-02-16", "2026-05-25", "2026-06-19", "2026-09-07", "2026-10-12"),
        *("2026-11-11", "2026-11-26", "2026-12-25", "2027-05-31", "2022-12-26", "2023-01-02"),
    ],
)
def test_holidays_of_the_federal_reserve_are_none(holiday):
    assert not is_banking_day(date.fromisoformat(holiday))


@pytest.mark.parametrize("day", ["2026-07-03", "2026-11-27", "2026-05-18", "2027-12-31", "2026-11-18"])
def test_the_days_beside_them_are_banking_days(day):
    assert is_banking_day(date.fromisoformat(day))


def test_with_short_days_rails_are_always_open():
    short = Calendar(day_seconds=2)
    night = new_york("2026-12-25T03:00")
    assert short.opening(RAILS[RailName.ACH], night) == night
    assert (short.banking_days_after(night, 2, time(10)) - night).total_seconds() == 4
    assert (short.days_after(night, 14) - night).total_seconds() == 28
