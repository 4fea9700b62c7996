"""Reads a request's body, within limits of size and time, and checks it."""

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import Request

from gateway.edge.fields import may_be_left_out
from gateway.edge.problems import Problem
from gateway.edge.validation import parse
from malipo.contracts.descriptor import Details

MAX_BODY_BYTES = 64 * 1024
_LENGTH_DIGITS = 10  # Python refuses to read thousands of them
_BODY_SECONDS = 10


def body_of[M: Details](model: type[M]) -> Callable[[Request], Awaitable[M]]:
    """The dependency that reads and checks the body; declared after the command, so that anonymous clients' are not read.

    No body is the same as an empty object, if the model accepts one.
    """

    async def read(request: Request) -> M:
        if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise Problem("unsupported_media_type", headers={"Accept-Encoding": "identity"})
        raw = await _read(request)
        if not raw and may_be_left_out(model):
            return model()
        if not raw:
            raise Problem("body_missing")
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Problem("unsupported_media_type")
        return parse(model, raw)

    return read


async def _read(request: Request) -> bytes:
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or len(announced) > _LENGTH_DIGITS or int(announced) > MAX_BODY_BYTES:
        raise Problem("body_too_large")
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise Problem("body_too_large")
    except TimeoutError:
        raise Problem("body_too_slow", headers={"Connection": "close"}) from None
    return bytes(body)
