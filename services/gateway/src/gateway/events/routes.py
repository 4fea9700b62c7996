"""`/v1/events`: all events of a merchant, and those that it missed."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from gateway.edge import cursors
from gateway.edge.admission import Admission
from gateway.edge.authentication import MerchantClient
from gateway.edge.dependencies import Dependencies, DependenciesOf
from gateway.edge.problems import Problem
from gateway.edge.responses import page, respond
from gateway.events import store
from gateway.events.schemas import EventFilters
from gateway.openapi.description import spec
from gateway.openapi.responses import EVENTS
from malipo import ids

_START = "start"

router = APIRouter(prefix="/v1/events", tags=["Events"])


@router.get("", **spec("List events", responses={200: EVENTS}, query=True))
async def list_events(
    dependencies: DependenciesOf,
    client: Annotated[MerchantClient, Depends(Admission("events:read", EventFilters))],
    filters: Annotated[EventFilters, Query()],
) -> Response:
    """The bodies of the webhooks. Newest first, or with `after` oldest first, to see what was missed.

    With `after`, `next_cursor` is the last event's id, to be given as `after` again; nothing is ever added before it.
    """
    if filters.after is None:
        return await _newest(dependencies, client, filters)
    if filters.cursor is not None:
        raise Problem("cursor_invalid", "Give cursor or after, not both.")
    return await _after(dependencies, client, filters, filters.after)


async def _newest(dependencies: Dependencies, client: MerchantClient, filters: EventFilters) -> Response:
    position = store.LAST_POSITION
    if filters.cursor is not None:
        position = await _position(dependencies, client, cursors.decode(filters.cursor, "evt"))
    return respond(page(await _fetch(dependencies, client, filters, position), filters.limit, cursors.encode))


async def _after(dependencies: Dependencies, client: MerchantClient, filters: EventFilters, after: str) -> Response:
    position = store.FIRST_POSITION if after == _START else await _position(dependencies, client, after)
    entries = await _fetch(dependencies, client, filters, position)
    shown = page(entries, filters.limit, lambda event_id: event_id)
    last = entries[: filters.limit][-1][0] if entries else after
    return respond(shown | {"next_cursor": last})


async def _fetch(
    dependencies: Dependencies, client: MerchantClient, filters: EventFilters, position: int
) -> list[store.Event]:
    ascending = filters.after is not None
    return await store.list_events(
        dependencies.database.reads,
        client.merchant_id,
        client.mode,
        filters,
        position=position,
        ascending=ascending,
        count=filters.limit + 1,
    )


async def _position(dependencies: Dependencies, client: MerchantClient, event_id: str) -> int:
    position = None
    if ids.is_id(event_id, "evt"):
        position = await store.position_of(dependencies.database.reads, event_id, client.merchant_id, client.mode)
    if position is None:
        raise Problem("cursor_invalid", f"There is no such event; after={_START} begins with the first one.")
    return position
