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


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (rb"cut \ud83d", "cut \ufffd"),
        (rb"\ude00\uD83D", "\ufffd\ufffd"),
        (rb"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (rb"\\ud83d \ud83d \"", '\\ud83d \ufffd "'),
        (b"two\nlines\x00", "two lines "),
    ],
    ids=["half", "the wrong way round", "half before a whole", "an escaped backslash", "control characters"],
)
def test_what_somebody_has_typed_hides_nothing_of_what_stands_around_it(written, read):
    shape = Reader[dict[str, str]](dict[str, str])
    assert shape.decode(b'{"typed": "' + written + b'", "id": "1"}') == {"typed": read, "id": "1"}


@pytest.mark.parametrize("raw", [b"", b"{", rb'{"cut": "\ud83d', rb'{"no escape": "\x"}', b"\x00", b"[1,\n]"])
def test_what_is_no_json_is_none_whatever_is_typed_in_it(raw):
    with pytest.raises(ValueError, match=r"JSON|truncated|Expected"):
        Reader[dict[str, str]](dict[str, str]).decode(raw)
