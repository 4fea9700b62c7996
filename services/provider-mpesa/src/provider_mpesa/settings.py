"""Settings of the provider M-Pesa; each is an environment variable in upper case."""

from typing import Self

from pydantic import Field, model_validator

from provider_kit.settings import AddressedSettings


class Settings(AddressedSettings):
    """What this service needs beside what every service needs."""

    mpesa_api_base: str = Field(pattern=r"^https?://[^/]+$", description="The API of M-Pesa, without a path.")
    mpesa_timeout_seconds: float = Field(default=20, gt=0, le=60, description="Longest time of one request, whole.")
    mpesa_connect_seconds: float = Field(default=5, gt=0, le=30, description="Longest time to connect.")

    @model_validator(mode="after")
    def _encrypted_in_production(self) -> Self:
        if self.environment == "production" and not self.mpesa_api_base.startswith("https://"):
            msg = "MPESA_API_BASE must be https in production: requests carry a merchant's credentials"
            raise ValueError(msg)
        return self
