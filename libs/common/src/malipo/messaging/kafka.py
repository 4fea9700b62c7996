"""What aiokafka needs around it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

_CUT_SHORT_SECONDS = 2.0


async def started(start: Callable[[], Coroutine[Any, Any, object]]) -> None:
    """Call a client's `start`; when cancelled meanwhile, it comes to its end first, for two seconds at most.

    A start that is cut short forgets its first connection without closing it. Raises what `start` raises.
    """
    task = asyncio.create_task(start())
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=_CUT_SHORT_SECONDS)
        task.cancel()
        raise
