"""Reads what a provider has written: JSON as the shapes that are declared for it, and times. Pure."""

from datetime import UTC, datetime
from typing import Any

import msgspec

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Reader[T]:
    """Decodes one shape; the fields that it does not name are ignored."""

    def __init__(self, shape: Any) -> None:
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(shape)

    def decode(self, raw: bytes | msgspec.Raw) -> T:
        """Raises `ValueError` for anything else, also for what is nested too deep to be read.

        A byte order mark, as some gateways put before what they pass on, is no part of it (RFC 8259, 8.1).
        """
        try:
            return self._decoder.decode(bytes(raw).removeprefix(_BYTE_ORDER_MARK))
        except RecursionError:
            raise ValueError("nested too deep") from None


def moment(text: str | None) -> datetime | None:
    """The time that RFC 3339 writes so, in UTC; None for what is none, has no offset, or is beyond the years that there are in UTC."""
    try:
        found = datetime.fromisoformat(text or "")
        return found.astimezone(UTC) if found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
