"""Events: the envelope around an object's snapshot, kept packed because there are very many."""

import json
import zlib
from dataclasses import dataclass

from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.objects.expand import NOTHING, Expand
from malipo_simulators.stripe.objects.render import render
from malipo_simulators.stripe.settings import API_VERSION


@dataclass(slots=True, eq=False)
class Event:
    """`undelivered` counts the endpoints that have not accepted it yet (`delivery_success=false` in lists)."""

    id: str
    type: str
    created: int
    packed: bytes
    undelivered: int = 0

    def body(self) -> bytes:
        return zlib.decompress(self.packed)

    def as_json(self) -> Json:
        body: Json = json.loads(self.body())
        return body | {"pending_webhooks": self.undelivered}

    def delivered(self) -> None:
        self.undelivered -= 1


@render.register
def render_event(event: Event, expand: Expand = NOTHING) -> Json:
    """As it was sent; nothing in it is expanded."""
    del expand
    return event.as_json()


@dataclass(frozen=True, slots=True)
class EventData:
    """What an event holds: its type, the object as it is now, and (for *.updated) what was different before."""

    type: str
    object: Json
    previous: Json | None = None


def envelope(event_id: str, created: int, event_data: EventData, *, request: Json, pending: int) -> Json:
    """`api_version` is the account's, not that of the request which caused the event."""
    data: Json = {"object": event_data.object}
    if event_data.previous is not None:
        data["previous_attributes"] = event_data.previous
    return {
        "id": event_id,
        "object": "event",
        "api_version": API_VERSION,
        "created": created,
        "data": data,
        "livemode": False,
        "pending_webhooks": pending,
        "request": request,
        "type": event_data.type,
    }


def pack(body: bytes) -> bytes:
    return zlib.compress(body, 1)
