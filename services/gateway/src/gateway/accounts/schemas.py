"""What merchants send to configure: webhook endpoints and settings; credentials are described by their providers."""

from pydantic import ConfigDict, Field

from gateway.edge.fields import TEXT_PROBLEMS, Description, EventName, WebUrl
from malipo.contracts.commands import LatePayments
from malipo.contracts.descriptor import Details


class NewWebhookEndpoint(Details):
    """Where to send webhooks."""

    problems = (*TEXT_PROBLEMS, "too_many_entries", "url_invalid", "event_type_invalid")
    model_config = ConfigDict(json_schema_extra={"example": {"url": "https://shop.example/webhooks/malipo"}})

    url: WebUrl
    event_types: list[EventName] = Field(default=[], max_length=50, description="Only these types; empty means all.")
    description: Description | None = None


class MerchantSettings(Details):
    """What to do where there is a choice."""

    problems = ("choice_unknown",)
    model_config = ConfigDict(json_schema_extra={"example": {"late_payments": "refund"}})

    late_payments: LatePayments = Field(
        default="keep",
        description="What to do with money that arrives after its payment had ended without it: the payment becomes "
        "`completed` either way, and with `refund` all of it is refunded at once.",
    )
