"""`/v1/events`: everything that merchants were told, and what one of them missed."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from gateway.edge import cursors
from gateway.edge.admission import Gate
from gateway.edge.authentication import Caller
from gateway.edge.parts import Parts, PartsOf
from gateway.edge.problems import Problem
from gateway.edge.responses import answer, page
from gateway.events import store
from gateway.events.schemas import EventFilters
from gateway.openapi.answers import EVENTS
from gateway.openapi.description import spec
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
    position = store.LAST_POSITION
    if filters.cursor is not None:
        position = await _position(parts, caller, cursors.decode(filters.cursor, "evt"))
    return answer(page(await _fetch(parts, caller, filters, position), filters.limit, cursors.encode))


async def _after(parts: Parts, caller: Caller, filters: EventFilters, after: str) -> Response:
    position = store.FIRST_POSITION if after == _START else await _position(parts, caller, after)
    entries = await _fetch(parts, caller, filters, position)
    shown = page(entries, filters.limit, lambda event_id: event_id)
    last = entries[: filters.limit][-1][0] if entries else after
    return answer(shown | {"next_cursor": last})


async def _fetch(parts: Parts, caller: Caller, filters: EventFilters, position: int) -> list[store.Event]:
    ascending = filters.after is not None
    return await store.list_events(
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
        position = await store.position_of(parts.units.reads, event_id, caller.merchant_id, caller.mode)
    if position is None:
        raise Problem("cursor_invalid", "There is no such event.")
    return position
