"""What provider services set alike: where requests go, and where callbacks come to."""

from collections.abc import Mapping
from typing import Self

from pydantic import Field, model_validator

from malipo.contracts.commands import Mode
from malipo.platform.settings import HttpSettings, KeyRingSettings, RestoredSettings


def hosts_of(base: str | None, hosts: Mapping[Mode, str]) -> Mapping[Mode, str]:
    """Where the requests of each mode go: to `base` if it is set, else to the provider's own `hosts`."""
    return hosts if base is None else {"test": base, "live": base}


class ProviderSettings(KeyRingSettings, HttpSettings, RestoredSettings):
    """For every provider: it seals and opens credentials, is called back, and may be told of a restore."""


class AddressedSettings(ProviderSettings):
    """For a provider whose descriptor has `own_addresses`."""

    callback_base_url: str = Field(
        pattern=r"^https?://[^/]+$",
        description="Where the provider reaches this service, without a path: its requests carry addresses of callbacks.",
    )

    @model_validator(mode="after")
    def _callbacks_are_encrypted_in_production(self) -> Self:
        self.require_https("callback_base_url", "the addresses are secrets")
        return self
