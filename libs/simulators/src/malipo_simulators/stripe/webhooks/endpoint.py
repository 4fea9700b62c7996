"""One webhook endpoint of an account: its event types, its secrets, and the courier that delivers to it."""

from dataclasses import dataclass, field

from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.webhooks.courier import Courier

EVERYTHING = "*"


@dataclass(slots=True, eq=False)
class Endpoint:
    """The newest secret is the first. Older ones sign too until they are retired."""

    id: str
    url: str
    enabled_events: list[str]
    secrets: list[str]
    created: int
    courier: Courier
    description: str | None = None
    metadata: dict[str, str] = field(default_factory=dict[str, str])

    def wants(self, event_type: str) -> bool:
        return EVERYTHING in self.enabled_events or event_type in self.enabled_events

    def as_json(self) -> Json:
        """Without the secret: the real API shows it once, when the endpoint is made."""
        return {
            "id": self.id,
            "object": "webhook_endpoint",
            "api_version": None,
            "application": None,
            "created": self.created,
            "description": self.description,
            "enabled_events": self.enabled_events,
            "livemode": False,
            "metadata": self.metadata,
            "status": "enabled",
            "url": self.url,
        }
