"""How merchants ask for events."""

from typing import Annotated

from pydantic import Field

from gateway.edge.fields import EventName, Page, Printable


class EventFilters(Page):
    """Which events to list."""

    payment_id: Annotated[str, Field(max_length=100), Printable] | None = None
    type: EventName | None = None
    after: Annotated[str, Field(max_length=100), Printable] | None = Field(
        default=None,
        description="Oldest first, what came after this event id: what did I miss? `start` begins with the first event.",
    )
