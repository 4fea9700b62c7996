"""Reads bodies, but not endless ones, and JSON that can be written back."""

import json
from typing import Any

from starlette.requests import Request


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Raise OverflowError(max_bytes) as soon as it is longer, and ClientDisconnect when the client goes away."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise OverflowError(max_bytes)
    return bytes(body)


def read_json(raw: bytes) -> Any:
    """What a body holds. Raise ValueError or RecursionError for what is no JSON, and for half a surrogate pair in it.

    JSON can escape one, and nothing can write it back.
    """
    given = json.loads(raw, parse_constant=not_json)
    if b"\\u" in raw:
        json.dumps(given, ensure_ascii=False).encode()
    return given


def not_json(constant: str) -> None:
    """Python reads NaN and Infinity, which JSON does not have."""
    raise ValueError(constant)
