"""Reads bodies, but not endless ones."""

from starlette.requests import Request


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Raise OverflowError(max_bytes) as soon as it is longer, and ClientDisconnect when the client goes away."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise OverflowError(max_bytes)
    return bytes(body)
