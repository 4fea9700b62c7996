"""When a batch fails because of one of its items, each is tried alone: the one at fault takes no neighbour along."""

from collections.abc import Awaitable, Callable, Sequence

from malipo.messaging.pool import blames_message
from malipo.platform.logs import log


async def isolated[T, R](
    items: Sequence[T],
    act: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
    *,
    blames_item: Callable[[Exception], bool] = blames_message,
) -> Sequence[R | Exception]:
    """What `act` returns for each item, in their order; an item that fails alone has its error in that place.

    `act` is one transaction: one result for each item, or it raises and has changed nothing. What blames no item, such as
    a database that is away, is raised at once: it would fail for each of them just the same. An item that came alone has
    a second try, too: what is given up here is dead-lettered, and some errors pass.
    """
    try:
        return await act(items)
    except Exception as error:
        if not blames_item(error):
            raise
        log.warning("batch isolated", size=len(items), error=type(error).__name__)
    return [await _alone(item, act, blames_item) for item in items]


async def _alone[T, R](
    item: T, act: Callable[[Sequence[T]], Awaitable[Sequence[R]]], blames_item: Callable[[Exception], bool]
) -> R | Exception:
    try:
        [result] = await act([item])
    except Exception as error:
        if not blames_item(error):
            raise
        return error
    return result
