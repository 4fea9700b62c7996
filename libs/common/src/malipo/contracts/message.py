"""The base of every message between services, and how it is written to bytes."""

from datetime import datetime
from typing import Annotated

import msgspec

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A point in time, never without its offset. On the wire: RFC 3339."""


class Message(msgspec.Struct, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """One fact or request on a topic. Append-only: a new field is optional, anything else is a new topic version.

    On the wire: a JSON object whose `type` is the class name. Unknown fields are ignored, so that an older
    consumer survives a newer producer.
    """


def encode(message: Message) -> bytes:
    """The message as JSON bytes."""
    return msgspec.json.encode(message)
