"""Settings of the Stripe provider; each is an environment variable in upper case."""

from datetime import timedelta
from typing import Self

from pydantic import Field, model_validator

from provider_kit.settings import ProviderSettings

STATEMENT_EVERY = timedelta(minutes=5)


class Settings(ProviderSettings):
    """What this service needs beside what every service needs."""

    stripe_api_base: str = Field(
        default="https://api.stripe.com", pattern=r"^https?://[^/]+$", description="Stripe's API, without a path."
    )
    stripe_version: str = Field(
        default="2026-10-28.endive",
        pattern=r"^\d{4}-\d\d-\d\d(\.\w+)?$",
        description="`Stripe-Version` of every request: what this code was written against.",
    )
    stripe_timeout_seconds: float = Field(default=20, gt=0, le=60, description="Longest time of one request, whole.")
    stripe_connect_seconds: float = Field(default=5, gt=0, le=30, description="Longest time to connect.")
    stripe_webhook_tolerance_seconds: int = Field(
        default=300, gt=0, le=900, description="How far a webhook's timestamp may be from our clock, either way."
    )
    stripe_statement_seconds: int = Field(
        default=round(STATEMENT_EVERY.total_seconds()),
        ge=0,
        le=86400,
        description="How often an account's events at Stripe are read, for what no webhook has brought, and what has moved its "
        "balance, for fees; 0 for never.",
    )

    @model_validator(mode="after")
    def _encrypted_in_production(self) -> Self:
        self.require_https("stripe_api_base", "every request carries a secret key")
        return self
