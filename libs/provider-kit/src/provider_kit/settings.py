"""The setting of a provider service whose requests carry the addresses of their own callbacks."""

from typing import Self

from pydantic import Field, model_validator

from malipo.platform.settings import ServiceSettings


class AddressedSettings(ServiceSettings):
    """For a provider whose descriptor has `own_addresses`."""

    callback_base_url: str = Field(
        pattern=r"^https?://[^/]+$",
        description="Where the provider reaches this service, without a path: its requests carry addresses of callbacks.",
    )

    @model_validator(mode="after")
    def _callbacks_are_encrypted_in_production(self) -> Self:
        if self.environment == "production" and not self.callback_base_url.startswith("https://"):
            msg = "CALLBACK_BASE_URL must be https in production: the addresses are secrets"
            raise ValueError(msg)
        return self
