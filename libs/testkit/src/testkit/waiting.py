"""Waiting in tests: by condition, with a deadline, never by sleeping a guess."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

from malipo import clock

_POLL_SECONDS = 0.02


async def until[T](condition: Callable[[], T | Awaitable[T]], *, seconds: float = 30, what: str = "condition") -> T:
    """The condition's first truthy result. Raises `AssertionError` that names `what` did not come true."""
    deadline = clock.monotonic() + seconds
    while True:
        result = condition()
        value: T = await result if inspect.isawaitable(result) else result  # pyright: ignore[reportAssignmentType]
        if value:
            return value
        if clock.monotonic() > deadline:
            msg = f"{what} did not come true within {seconds} s; last result: {value!r}"
            raise AssertionError(msg)
        await asyncio.sleep(_POLL_SECONDS)
