"""What aiokafka needs around it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError

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


_send: Any = AIOKafkaConnection.send  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - untyped


def _send_or_close(self: Any, request: object, expect_response: bool = True) -> Awaitable[Any]:
    """Send `request`, or raise `KafkaConnectionError`.

    uvloop says RuntimeError where asyncio says OSError, when the broker has closed the connection. aiokafka knows only
    the latter (aiokafka #1038): the task that keeps its metadata then ends for good, and with the next broker that goes
    the consumer can neither commit nor find its group again, while everything looks well.
    """
    try:
        return _send(self, request, expect_response)
    except RuntimeError as error:
        self.close(reason=CloseReason.CONNECTION_BROKEN, exc=error)
        message = f"Connection at {self.host}:{self.port} broken: {error}"
        raise KafkaConnectionError(message) from error


AIOKafkaConnection.send = cast("Any", _send_or_close)
