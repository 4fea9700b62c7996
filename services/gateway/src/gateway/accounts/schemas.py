"""What merchants send to configure: the webhook endpoints; credentials are described by their providers."""

from pydantic import ConfigDict, Field

from gateway.edge.fields import TEXT_PROBLEMS, Description, EventName, WebUrl
from malipo.contracts.descriptor import Details


class NewWebhookEndpoint(Details):
    """Where to send webhooks."""

    problems = (*TEXT_PROBLEMS, "too_many_entries", "url_invalid", "event_type_invalid")
    model_config = ConfigDict(json_schema_extra={"example": {"url": "https://shop.example/webhooks/malipo"}})

    url: WebUrl
    event_types: list[EventName] = Field(default=[], max_length=50, description="Only these types; empty means all.")
    description: Description | None = None
