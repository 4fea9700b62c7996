"""Settings of the provider Partner bank; each is an environment variable in upper case."""

from typing import Self

from pydantic import Field, model_validator

from malipo.platform.settings import ServiceSettings


class Settings(ServiceSettings):
    """What this service needs beside what every service needs."""

    bank_api_base: str = Field(pattern=r"^https?://[^/]+$", description="The API of Partner bank, without a path.")
    bank_timeout_seconds: float = Field(default=20, gt=0, le=60, description="Longest time of one request, whole.")
    bank_connect_seconds: float = Field(default=5, gt=0, le=30, description="Longest time to connect.")

    @model_validator(mode="after")
    def _encrypted_in_production(self) -> Self:
        self.require_https("bank_api_base", "requests carry a merchant's credentials")
        return self
