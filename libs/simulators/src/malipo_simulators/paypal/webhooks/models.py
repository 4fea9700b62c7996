"""A webhook, an event, and its transmissions: one event on its way to one webhook."""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.webhooks.courier import Courier
from malipo_simulators.paypal.objects.links import link
from malipo_simulators.paypal.objects.times import written

EVERYTHING = "*"
WEBHOOKS, EVENTS = "/v1/notifications/webhooks", "/v1/notifications/webhooks-events"


class Delivered(StrEnum):
    """How a transmission stands."""

    PENDING = "PENDING"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"


@dataclass(slots=True, eq=False)
class Transmission:
    """`at` is the time of its first attempt in Unix seconds, which each repeat carries again, as it does the id.

    `most` is how many attempts are made.
    """

    id: str
    webhook_id: str
    url: str
    most: int
    at: int | None = None
    attempts: int = 0
    taken: bool = False

    @property
    def status(self) -> Delivered:
        if self.taken:
            return Delivered.SUCCESS
        return Delivered.FAILURE if self.attempts >= self.most else Delivered.PENDING

    def take(self) -> None:
        self.taken = True

    def as_json(self) -> Json:
        body: Json = {"webhook_url": self.url, "transmission_id": self.id, "status": self.status}
        return body if self.at is None else body | {"timestamp": written(self.at)}


@dataclass(slots=True, eq=False)
class Event:
    """`packed` is the body as it is sent. `transaction` is the id of what it tells of, `about` that of its order."""

    id: str
    type: str
    created: int
    packed: bytes
    transaction: str
    about: str
    transmissions: list[Transmission] = field(default_factory=list[Transmission])

    @property
    def body(self) -> bytes:
        return zlib.decompress(self.packed)

    def last_to(self, webhook_id: str) -> Transmission | None:
        """The latest of those to this webhook."""
        return next((one for one in reversed(self.transmissions) if one.webhook_id == webhook_id), None)

    def as_json(self) -> Json:
        """As it was sent, with what has become of it."""
        sent: Json = json.loads(self.body)
        statuses = {one.status for one in self.transmissions}
        worst = next((one for one in (Delivered.PENDING, Delivered.FAILURE) if one in statuses), Delivered.SUCCESS)
        return sent | {"status": worst, "transmissions": [one.as_json() for one in self.transmissions]}


@dataclass(slots=True, eq=False)
class Webhook:
    """`api_base` is how whoever made it reached us: links and the certificate's URL begin with it."""

    id: str
    url: str
    event_types: list[str]
    api_base: str
    created: int
    courier: Courier

    def wants(self, event_type: str) -> bool:
        return EVERYTHING in self.event_types or event_type in self.event_types

    def as_json(self, describe: dict[str, str]) -> Json:
        href = f"{self.api_base}{WEBHOOKS}/{self.id}"
        return {
            "id": self.id,
            "url": self.url,
            "event_types": list(described(self.event_types, describe)),
            "links": [link(href, "self"), link(href, "update", "PATCH"), link(href, "delete", "DELETE")],
        }


def described(names: list[str], describe: dict[str, str]) -> Iterator[Json]:
    """Each type with its description, as lists show them."""
    for name in names:
        words = describe.get(name, "All events.")
        yield {"name": name, "description": words, "status": "ENABLED", "resource_versions": ["2.0"]}


def pack(body: bytes) -> bytes:
    return zlib.compress(body, 1)


def event_links(api_base: str, event_id: str) -> list[dict[str, Any]]:
    href = f"{api_base}{EVENTS}/{event_id}"
    links = [link(href, "self"), link(f"{href}/resend", "resend", "POST")]
    return [one | {"encType": "application/json"} for one in links]
