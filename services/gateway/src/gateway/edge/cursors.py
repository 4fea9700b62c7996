"""Cursors: opaque to merchants, the id of the last entry to us."""

import base64
import binascii

from gateway.edge.problems import Problem
from malipo import ids


def encode(last_id: str) -> str:
    """The cursor of the page after `last_id`."""
    return base64.urlsafe_b64encode(last_id.encode()).decode().rstrip("=")


def decode(cursor: str, prefix: str) -> str:
    """The id in `cursor`. Raises `cursor_invalid` for one that this list cannot have given."""
    try:
        last_id = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        raise Problem("cursor_invalid") from None
    if not ids.is_id(last_id, prefix):
        raise Problem("cursor_invalid")
    return last_id
