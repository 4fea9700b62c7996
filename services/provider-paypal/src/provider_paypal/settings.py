"""Settings of the provider PayPal; each is an environment variable in upper case."""

from typing import Self

from pydantic import Field, model_validator

from malipo.platform.settings import ServiceSettings


class Settings(ServiceSettings):
    """What this service needs beside what every service needs."""

    paypal_api_base: str = Field(pattern=r"^https?://[^/]+$", description="The API of PayPal, without a path.")
    paypal_timeout_seconds: float = Field(default=20, gt=0, le=60, description="Longest time of one request, whole.")
    paypal_connect_seconds: float = Field(default=5, gt=0, le=30, description="Longest time to connect.")

    @model_validator(mode="after")
    def _encrypted_in_production(self) -> Self:
        if self.environment == "production" and not self.paypal_api_base.startswith("https://"):
            msg = "PAYPAL_API_BASE must be https in production: requests carry a merchant's credentials"
            raise ValueError(msg)
        return self
