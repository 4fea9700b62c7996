"""What merchants send to configure: their credentials at providers, and their webhook endpoints."""

import re
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from gateway.edge.fields import TEXT_PROBLEMS, Body, Description, EventName, WebUrl, text_schema

_STRIPE_KEY = "^(?:sk|rk)_(?:test|live)_[A-Za-z0-9_]{4,240}$"
_STRIPE_WEBHOOK_SECRET = "^whsec_[A-Za-z0-9_+/=-]{4,240}$"  # noqa: S105 - how one looks


def _stripe_key(key: str) -> str:
    if not re.fullmatch(_STRIPE_KEY, key):
        raise PydanticCustomError("secret_key_invalid", "must be a secret or restricted key: sk_test_..., rk_live_...")
    return key


def _stripe_webhook_secret(secret: str) -> str:
    if not re.fullmatch(_STRIPE_WEBHOOK_SECRET, secret):
        raise PydanticCustomError("webhook_secret_invalid", "must be a signing secret: whsec_...")
    return secret


_WebhookSecret = Annotated[str, AfterValidator(_stripe_webhook_secret), text_schema(pattern=_STRIPE_WEBHOOK_SECRET)]


class StripeCredentials(Body):
    """A merchant's account at Stripe."""

    problems = ("too_many_entries", "secret_key_invalid", "webhook_secret_invalid")
    model_config = ConfigDict(
        json_schema_extra={
            "example": {"secret_key": "sk_test_51MalipoExample", "webhook_secrets": ["whsec_MalipoExample"]}
        }
    )

    secret_key: Annotated[str, AfterValidator(_stripe_key), text_schema(pattern=_STRIPE_KEY)] = Field(
        repr=False, description="Secret or restricted key."
    )
    webhook_secrets: list[_WebhookSecret] = Field(
        default=[],
        max_length=5,
        repr=False,
        description="Signing secrets of the endpoint at Stripe; two while one rotates.",
    )


class NewWebhookEndpoint(Body):
    """Where to send webhooks."""

    problems = (*TEXT_PROBLEMS, "too_many_entries", "url_invalid", "event_type_invalid")
    model_config = ConfigDict(json_schema_extra={"example": {"url": "https://shop.example/webhooks/malipo"}})

    url: WebUrl
    event_types: list[EventName] = Field(default=[], max_length=50, description="Only these types; empty means all.")
    description: Description | None = None
