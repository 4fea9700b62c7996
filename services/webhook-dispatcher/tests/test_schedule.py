"""When the next attempt is, and when there is none."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testkit import in_production
from webhook_dispatcher.result import AttemptResult, ReceiverResponse, result_of
from webhook_dispatcher.schedule import read_retry_after, wait_seconds
from webhook_dispatcher.settings import Settings

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
DAY = 24 * 3600


def wait(attempt, *, factor=1.0, status=500, retry_after=None):
    return wait_seconds((5, 30, 120), attempt, factor=factor, status=status, retry_after_seconds=retry_after)


def test_waits_follow_the_list_and_end_with_it():
    assert [wait(attempt) for attempt in (1, 2, 3, 4, 5)] == [5, 30, 120, None, None]


def test_jitter_stretches_and_shortens_the_wait():
    assert (wait(2, factor=1.2), wait(2, factor=0.8)) == (36, 24)


@pytest.mark.parametrize(
    ("status", "retry_after", "seconds"),
    [
        (429, 3600, 3600),
        (503, 3600, 3600),
        (429, 1, 5),  # never sooner than the list
        (429, 10 * DAY, DAY),  # nor later than a day
        (500, 3600, 5),  # other statuses do not request a pause
        (None, 3600, 5),
        (429, None, 5),
    ],
)
def test_retry_after_lengthens_the_wait_of_429_and_503(status, retry_after, seconds):
    assert wait(1, status=status, retry_after=retry_after) == seconds


def test_retry_after_does_not_revive_a_delivery_whose_list_is_used_up():
    assert wait(4, status=429, retry_after=60) is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("0", 0),
        ("9" * 5000, DAY),
        ("Sat, 21 Nov 2026 09:31:00 GMT", 60),
        ("Sat, 21 Nov 2026 09:31:00 -0000", 60),
        ("Sat, 21 Nov 2026 09:29:00 GMT", 0),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header, seconds):
    assert read_retry_after(header, NOW) == seconds


@given(st.one_of(st.text(), st.from_regex(r"\w{3}, \d{1,9} \w{3} \d{1,9} [\d:]{1,12} [-+\w]{0,9}", fullmatch=True)))
def test_no_retry_after_header_is_too_strange(header):
    seconds = read_retry_after(header, NOW)
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_is_delivered(status):
    assert result_of(ReceiverResponse(status=status), 1, (5,), 1.0) == AttemptResult("delivered")


@pytest.mark.parametrize("status", [None, 100, 199, 300, 301, 302, 304, 308, 400, 401, 404, 429, 500, 503, 599])
def test_everything_else_is_tried_again_until_the_list_ends(status):
    assert result_of(ReceiverResponse(status=status), 1, (5,), 1.0) == AttemptResult("retrying", 5.0)
    assert result_of(ReceiverResponse(status=status), 2, (5,), 1.0) == AttemptResult("exhausted")


def test_410_means_that_the_endpoint_is_gone():
    assert result_of(ReceiverResponse(status=410), 1, (5,), 1.0) == AttemptResult("endpoint_gone")


def settings(**values):
    return Settings(**in_production.SETTINGS | values)


def test_the_shipped_list_has_twelve_attempts_over_three_days():
    schedule = settings().retry_schedule
    assert schedule == (5, 30, 120, 600, 1800, 7200, 18000, 36000, 36000, 86400, 86400)
    assert timedelta(days=3) < timedelta(seconds=sum(schedule)) < timedelta(days=4)


def test_the_list_can_be_set_from_outside():
    assert settings(retry_schedule_seconds="1,2.5,4").retry_schedule == (1, 2.5, 4)
    assert settings(retry_schedule_seconds="5, 30").retry_schedule == (5, 30)


@pytest.mark.parametrize("text", ["", "soon", "1,,2", "-1", "1;2", ",".join("1" * 31)])
def test_a_list_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match=r"retry_schedule_seconds\n.*must be as 5,30,120: "):
        settings(retry_schedule_seconds=text)


def test_loopback_is_never_allowed_in_production():
    assert settings(allow_loopback=True, environment="local").allow_loopback
    with pytest.raises(ValueError, match="allow_loopback"):
        settings(allow_loopback=True)
    with pytest.raises(ValueError, match="allow_loopback"):
        settings(allow_loopback=True, environment="no such")


def test_names_that_may_lead_anywhere_are_never_allowed_in_production():
    assert settings(allow_hosts="merchant-sim, Shop.lan", environment="local").allowed_hosts == {
        "merchant-sim",
        "shop.lan",
    }
    assert settings().allowed_hosts == frozenset()
    for environment in ({}, {"environment": "no such"}):
        with pytest.raises(ValueError, match="allow_hosts"):
            settings(allow_hosts="merchant-sim", **environment)
    with pytest.raises(ValueError, match="is no host name"):
        settings(allow_hosts="10.0.0.1", environment="local")
