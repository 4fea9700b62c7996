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
        self.require_https("callback_base_url", "the addresses are secrets")
        return self
