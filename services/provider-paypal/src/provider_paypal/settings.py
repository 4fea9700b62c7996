"""Settings of the provider PayPal; each is an environment variable in upper case."""

from typing import Self

from pydantic import Field, model_validator

from malipo.platform.settings import ServiceSettings


class Settings(ServiceSettings):
    """What this service needs beside what every service needs."""

    paypal_api_base: str | None = Field(
        default=None,
        pattern=r"^https?://[^/]+$",
        description="Where all requests go, without a path; unset, to PayPal's sandbox in test mode and its API in live mode.",
    )
    paypal_timeout_seconds: float = Field(
        default=20,
        gt=0,
        le=30,
        description="Longest time of one request, whole. A try may send two and wait for two access tokens, and has two minutes "
        "for all of that.",
    )
    paypal_connect_seconds: float = Field(default=5, gt=0, le=30, description="Longest time to connect.")

    paypal_reauthorize: bool = Field(
        default=True,
        description="Whether what is authorized and not captured after three days is reauthorized, once: so long PayPal honours an "
        "authorization. In some countries PayPal takes a fee for that.",
    )

    @model_validator(mode="after")
    def _encrypted_in_production(self) -> Self:
        base = self.paypal_api_base
        if self.environment == "production" and base is not None and not base.startswith("https://"):
            msg = "PAYPAL_API_BASE must be https in production: requests carry a merchant's credentials"
            raise ValueError(msg)
        return self
