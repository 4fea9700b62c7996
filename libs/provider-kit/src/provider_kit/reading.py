"""Reads what a provider has written: JSON as the shapes that are declared for it, and times. Pure."""

import re
from datetime import UTC, datetime
from typing import Any

import msgspec

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_HALF = rb"u[dD][89abAB][0-9a-fA-F]{2}"
_OTHER_HALF = rb"u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE = re.compile(rb"\\(?:(%b\\%b|[^u]|u(?![dD][89a-fA-F]))|u[dD][0-9a-fA-F]{3})" % (_HALF, _OTHER_HALF))
_NO_CHARACTER = rb"\ufffd"
_SPACES = bytes.maketrans(bytes(range(32)), b" " * 32)


class Reader[T]:
    """Decodes one shape; the fields that it does not name are ignored."""

    def __init__(self, shape: Any) -> None:
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(shape)

    def decode(self, raw: bytes | msgspec.Raw) -> T:
        """Raises `ValueError` for anything else, also for what is nested too deep to be read.

        A byte order mark, as some gateways put before what they pass on, is no part of it (RFC 8259, 8.1).

        What somebody has typed hides nothing of what stands around it: half a character (8.2), as is left where a text was cut, is
        read as none, and a control character as a space.
        """
        plain = bytes(raw).removeprefix(_BYTE_ORDER_MARK)
        try:
            return self._decoded(plain)
        except ValueError:
            mended = _mended(plain)
            if mended == plain:
                raise
        return self._decoded(mended)

    def _decoded(self, raw: bytes) -> T:
        try:
            return self._decoder.decode(raw)
        except RecursionError:
            raise ValueError("nested too deep") from None


def _mended(raw: bytes) -> bytes:
    return _ESCAPE.sub(lambda found: found[0] if found[1] else _NO_CHARACTER, raw.translate(_SPACES))


def moment(text: str | None) -> datetime | None:
    """The time that RFC 3339 writes so, in UTC; None for what is none, has no offset, or is beyond the years that there are in UTC."""
    try:
        found = datetime.fromisoformat(text or "")
        return found.astimezone(UTC) if found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
