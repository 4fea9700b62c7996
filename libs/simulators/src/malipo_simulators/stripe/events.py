"""Events: the envelope around an object's snapshot, kept packed because there are very many."""

import json
import zlib
from dataclasses import dataclass

from malipo_simulators.stripe.settings import API_VERSION
from malipo_simulators.stripe.shapes import Json


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
        drawn: Json = json.loads(self.body())
        return drawn | {"pending_webhooks": self.undelivered}

    def delivered(self) -> None:
        self.undelivered -= 1


@dataclass(frozen=True, slots=True)
class Happening:
    """Something to tell: the event's type, the object as it is now, and (for *.updated) what was different before."""

    type: str
    drawn: Json
    previous: Json | None = None


def envelope(event_id: str, created: int, happening: Happening, *, request: Json, pending: int) -> Json:
    """`api_version` is the account's, not that of the request which caused the event."""
    data: Json = {"object": happening.drawn}
    if happening.previous is not None:
        data["previous_attributes"] = happening.previous
    return {
        "id": event_id,
        "object": "event",
        "api_version": API_VERSION,
        "created": created,
        "data": data,
        "livemode": False,
        "pending_webhooks": pending,
        "request": request,
        "type": happening.type,
    }


def pack(body: bytes) -> bytes:
    return zlib.compress(body, 1)
