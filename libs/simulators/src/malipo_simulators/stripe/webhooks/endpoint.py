"""One webhook endpoint of an account: its event types, its secrets, and the courier that delivers to it."""

from dataclasses import dataclass, field

from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.webhooks.courier import Courier
from malipo_simulators.stripe.objects.expand import NOTHING, Expand
from malipo_simulators.stripe.objects.render import render

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

    enabled: bool = True

    def wants(self, event_type: str) -> bool:
        return self.enabled and (EVERYTHING in self.enabled_events or event_type in self.enabled_events)

    def move_to(self, url: str) -> None:
        """Send there from now on, also what is being tried again."""
        self.url = url
        self.courier.move_to(url)


@render.register
def render_endpoint(endpoint: Endpoint, expand: Expand = NOTHING) -> Json:
    """Without the secret: the real API shows it once, when the endpoint is made."""
    del expand
    return {
        "id": endpoint.id,
        "object": "webhook_endpoint",
        "api_version": None,
        "application": None,
        "created": endpoint.created,
        "description": endpoint.description,
        "enabled_events": endpoint.enabled_events,
        "livemode": False,
        "metadata": dict(endpoint.metadata),
        "status": "enabled" if endpoint.enabled else "disabled",
        "url": endpoint.url,
    }
