"""Times and JSON, as providers may write them."""

from datetime import UTC, datetime

import pytest

from provider_kit.reading import Reader, moment


@pytest.mark.parametrize("text", ["2026-11-27T15:00:02Z", "2026-11-27T18:00:02+03:00"])
def test_a_time_is_read_with_its_offset(text):
    assert moment(text) == datetime(2026, 11, 27, 15, 0, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", [None, "", "yesterday", "2026-11-27T15:00:02", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+14:00"]
)
def test_what_is_no_moment_is_none(text):
    assert moment(text) is None


def test_a_byte_order_mark_is_no_part_of_what_is_read():
    numbers = Reader[list[int]](list[int])
    assert numbers.decode(b"\xef\xbb\xbf[1]") == numbers.decode(b"[1]") == [1]
    with pytest.raises(ValueError, match="JSON"):
        numbers.decode(b"\xef\xbb\xbf\xef\xbb\xbf[1]")
