"""`/v1/events`: everything that merchants were told, and what one of them missed."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from gateway import cursors, store_history
from gateway.auth import Caller
from gateway.http_edge import Gate, answer, page
from gateway.openapi import EVENTS, spec
from gateway.parts import Parts, PartsOf
from gateway.problems import Problem
from gateway.schemas import EventFilters
from malipo import ids

_START = "start"

router = APIRouter(prefix="/v1/events", tags=["Events"])


@router.get("", **spec("List events", answers={200: EVENTS}, query=True))
async def list_events(
    parts: PartsOf,
    caller: Annotated[Caller, Depends(Gate("events:read", EventFilters))],
    filters: Annotated[EventFilters, Query()],
) -> Response:
    """The bodies of the webhooks. Newest first, or with `after` oldest first, to see what was missed.

    With `after`, `next_cursor` is the last event's id, to be given as `after` again; nothing is ever added before it.
    """
    if filters.after is None:
        return await _newest(parts, caller, filters)
    if filters.cursor is not None:
        raise Problem("cursor_invalid", "Give cursor or after, not both.")
    return await _after(parts, caller, filters, filters.after)


async def _newest(parts: Parts, caller: Caller, filters: EventFilters) -> Response:
    position = store_history.LAST_POSITION
    if filters.cursor is not None:
        position = await _position(parts, caller, cursors.decode(filters.cursor, "evt"))
    return answer(page(await _fetch(parts, caller, filters, position), filters.limit, cursors.encode))


async def _after(parts: Parts, caller: Caller, filters: EventFilters, after: str) -> Response:
    position = store_history.FIRST_POSITION if after == _START else await _position(parts, caller, after)
    entries = await _fetch(parts, caller, filters, position)
    shown = page(entries, filters.limit, lambda event_id: event_id)
    last = entries[: filters.limit][-1][0] if entries else after
    return answer(shown | {"next_cursor": last})


async def _fetch(parts: Parts, caller: Caller, filters: EventFilters, position: int) -> list[store_history.Event]:
    ascending = filters.after is not None
    return await store_history.list_events(
        parts.units.reads,
        caller.merchant_id,
        caller.mode,
        filters,
        position=position,
        ascending=ascending,
        count=filters.limit + 1,
    )


async def _position(parts: Parts, caller: Caller, event_id: str) -> int:
    position = None
    if ids.is_id(event_id, "evt"):
        position = await store_history.position_of(parts.units.reads, event_id, caller.merchant_id, caller.mode)
    if position is None:
        raise Problem("cursor_invalid", "There is no such event.")
    return position
