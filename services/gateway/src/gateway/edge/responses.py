"""What routes answer: JSON, and pages of lists."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from starlette.responses import Response

RETRY_AFTER_SECONDS: Final = "1"
"""When to look again at what was accepted and is still under way."""


def respond(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response."""
    return Response(msgspec.json.encode(body), status, dict(headers or {}), media_type="application/json")


def page(entries: Sequence[tuple[str, object]], limit: int, next_cursor: Callable[[str], str]) -> dict[str, Any]:
    """A page of a list that was asked for `limit + 1` entries, to know whether there are more."""
    shown = entries[:limit]
    more = len(entries) > limit
    return {
        "data": [entry for _, entry in shown],
        "has_more": more,
        "next_cursor": next_cursor(shown[-1][0]) if more else None,
    }
