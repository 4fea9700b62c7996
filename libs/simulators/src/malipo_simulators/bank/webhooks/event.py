"""An event: what happened to one payment, as it is sent, kept packed because there are very many."""

import json
import zlib
from dataclasses import dataclass, field
from datetime import datetime

from malipo_simulators.bank.objects.models import Payment
from malipo_simulators.bank.objects.times import written
from malipo_simulators.kit.api.answers import encode
from malipo_simulators.kit.shapes import Json


@dataclass(slots=True, eq=False)
class Event:
    """`created` is in Unix seconds, by the simulator's clock; `told` and `taken` are ids of endpoints."""

    id: str
    type: str
    created: int
    payment: Payment
    packed: bytes
    told: set[str] = field(default_factory=set[str])
    taken: set[str] = field(default_factory=set[str])

    @property
    def body(self) -> bytes:
        return zlib.decompress(self.packed)

    def as_json(self) -> Json:
        """As it was sent, with how many have not taken it."""
        sent: Json = json.loads(self.body)
        return sent | {"undelivered": len(self.told - self.taken)}


def pack(event_id: str, event_type: str, at: datetime, resource: Json) -> bytes:
    body: Json = {"id": event_id, "type": event_type, "created_at": written(at), "data": resource}
    return zlib.compress(encode(body), 1)
