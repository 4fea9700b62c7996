"""A bank transfer goes by a rail that reaches its recipient, takes its amount, and is open."""

from datetime import UTC, date, datetime

import pytest

from malipo.contracts.bank_rails import BANK_TIME, holidays, is_banking_day
from malipo.contracts.providers import PROVIDERS
from malipo.money import Money

(RULES,) = PROVIDERS["bank"].methods
ACCOUNT = {"name": "Ada Lovelace", "account": {"number": "000123456789", "routing": "021000021"}}
ALIAS = {"name": "Ada Lovelace", "alias": {"type": "email", "value": "ada@example.com"}}
RTP_LIMIT, ZELLE_LIMIT = 100_000_000, 500_000


def transfer(recipient=ACCOUNT, **more):
    return RULES.model.model_validate({"type": "bank_transfer", "recipient": recipient, **more})


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A time of November 2026 at the bank: the 26th is Thanksgiving, a Thursday."""
    return datetime(2026, 11, day, hour, minute, tzinfo=BANK_TIME)


NOON = at(24, 12)


def completed(now=NOON, amount_minor=1250, recipient=ACCOUNT, **more):
    return RULES.completed(transfer(recipient, **more), Money(amount_minor, "USD"), now)


@pytest.mark.parametrize(
    ("sent", "rail"),
    [
        ({}, "RTP"),
        ({"amount_minor": RTP_LIMIT}, "RTP"),
        ({"amount_minor": RTP_LIMIT + 1}, "ACH"),
        ({"now": at(24, 23)}, "ACH"),
        ({"recipient": ALIAS}, "ZELLE"),
    ],
)
def test_a_rail_is_chosen_by_recipient_amount_and_hours_where_none_is_named(sent, rail):
    method, shown = completed(**sent)
    assert method.rail == shown.rail == rail
    assert shown.rail_chosen


def test_a_rail_that_is_named_is_kept_and_not_shown_as_chosen():
    method, shown = completed(rail="BOOK")
    assert (method.rail, shown.rail, shown.rail_chosen) == ("BOOK", "BOOK", False)


@pytest.mark.parametrize(
    ("rail", "now", "goes"),
    [
        ("RTP", at(24, 12), at(24, 12)),
        ("RTP", at(24, 22), at(25, 6)),
        ("RTP", at(26, 5, 59), at(26, 6)),
        ("ACH", at(24, 16, 59), at(24, 16, 59)),
        ("ACH", at(25, 17), at(27, 6)),
        ("ACH", at(27, 17), at(30, 6)),
        ("ACH", at(28, 3), at(30, 6)),
        ("ACH", at(24, 5), at(24, 6)),
        ("BOOK", at(28, 3), at(28, 3)),
    ],
)
def test_after_a_rails_cut_off_it_goes_at_the_next_opening_and_says_when(rail, now, goes):
    _, shown = completed(now, rail=rail)
    assert (shown.execution_at, shown.execution_at.tzinfo) == (goes, UTC)


def test_who_gets_it_is_shown_masked_and_kept_whole_in_the_method():
    method, shown = completed()
    assert shown.recipient == {"name": "A. L.", "account": {"number": "****6789", "routing": "021000021"}}
    assert method.recipient.account.number == "000123456789"


@pytest.mark.parametrize(
    ("recipient", "rail", "amount_minor", "code", "possible"),
    [
        (ALIAS, "ZELLE", ZELLE_LIMIT, None, ""),
        (ALIAS, "ZELLE", ZELLE_LIMIT + 1, "rail_limit_exceeded", "ZELLE takes at most 500000"),
        (ALIAS, None, ZELLE_LIMIT + 1, "rail_limit_exceeded", "ZELLE takes at most 500000"),
        (ACCOUNT, "RTP", RTP_LIMIT + 1, "rail_limit_exceeded", "ACH takes at most 1000000000"),
        (ACCOUNT, None, RTP_LIMIT + 1, None, ""),
        (ACCOUNT, "ZELLE", 100, "rail_unfit", "reached by RTP, ACH, BOOK"),
        (ALIAS, "ACH", 100, "rail_unfit", "reached by ZELLE"),
    ],
)
def test_a_rail_that_does_not_fit_is_refused_and_those_that_do_are_named(recipient, rail, amount_minor, code, possible):
    misfit = RULES.refuses(transfer(recipient, **({"rail": rail} if rail else {})), Money(amount_minor, "USD"))
    assert (misfit and misfit.code) == code
    assert misfit is None or possible in misfit.detail


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2026, 1, 19), False),
        (date(2026, 2, 16), False),
        (date(2026, 5, 25), False),
        (date(2026, 7, 3), True),  # the holiday on a Saturday is kept on no other day
        (date(2026, 9, 7), False),
        (date(2026, 10, 12), False),
        (date(2026, 11, 26), False),
        (date(2027, 7, 5), False),  # the holiday on a Sunday is kept on Monday
        (date(2027, 5, 31), False),
        (date(2027, 5, 24), True),
    ],
)
def test_the_bank_rests_on_the_federal_reserves_holidays(day, works):
    assert is_banking_day(day) is works
    assert len(holidays(day.year)) == 11
