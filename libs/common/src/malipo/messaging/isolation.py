"""When a batch fails because of one of its items, each is tried alone: the one at fault takes no neighbour along."""

from collections.abc import Awaitable, Callable, Sequence

from malipo.messaging.pool import blames_message


async def isolated[T, R](
    items: Sequence[T],
    act: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
    *,
    blames_item: Callable[[Exception], bool] = blames_message,
) -> Sequence[R | Exception]:
    """What `act` answers for each item, in their order; an item that fails alone has its error in that place.

    `act` is one transaction: one result for each item, or it raises and has changed nothing. What blames no item, such as
    a database that is away, is raised at once: it would fail for each of them just the same.
    """
    try:
        return await act(items)
    except Exception as error:
        if not blames_item(error):
            raise
        if len(items) == 1:
            return [error]
    return [result for item in items for result in await isolated([item], act, blames_item=blames_item)]
