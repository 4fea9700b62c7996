"""Settings of the provider Acme Pay; each is an environment variable in upper case."""

from typing import Self

from pydantic import Field, model_validator

from provider_kit.settings import ProviderSettings


class Settings(ProviderSettings):
    """What this service needs beside what every service needs."""

    acme_api_base: str = Field(pattern=r"^https?://[^/]+$", description="The API of Acme Pay, without a path.")
    acme_timeout_seconds: float = Field(default=20, gt=0, le=60, description="Longest time of one request, whole.")
    acme_connect_seconds: float = Field(default=5, gt=0, le=30, description="Longest time to connect.")

    @model_validator(mode="after")
    def _encrypted_in_production(self) -> Self:
        self.require_https("acme_api_base", "requests carry a merchant's credentials")
        return self
