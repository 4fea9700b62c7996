"""Settings of the provider PayPal; each is an environment variable in upper case."""

import re
from collections.abc import Collection
from datetime import timedelta
from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from provider_kit.settings import ProviderSettings

PAYPALS_ORIGINS = (
    *("https://api.paypal.com", "https://api-m.paypal.com"),
    *("https://api.sandbox.paypal.com", "https://api-m.sandbox.paypal.com"),
)
"""Where PayPal's certificates are. It documents no list: these are the addresses of its API, old and new."""
HONOURED = timedelta(days=3)
"""For how long PayPal stands in for an authorization ("Authorization and honor period")."""
STATEMENT_EVERY, STATEMENT_LATENESS = timedelta(hours=1), timedelta(hours=4)
"""How often a statement is looked at, and how late a transaction may show in it, at PayPal up to three hours."""
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?")


class Settings(ProviderSettings):
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

    paypal_reauthorize_seconds: int = Field(
        default=round(HONOURED.total_seconds()),
        ge=0,
        le=28 * 86400,
        description="How old an authorization has to be before it is reauthorized, once; 0 for never. PayPal honours one for three "
        "days, and refuses to renew it before. In some countries it takes a fee for that.",
    )

    paypal_certificate_origins: str = Field(
        default=", ".join(PAYPALS_ORIGINS),
        max_length=2000,
        description="Where the certificates of PayPal's webhooks may be fetched from, as schemes and hosts with their ports.",
    )
    paypal_certificate_authorities_file: Path | None = Field(
        default=None,
        description="Certificates (PEM) of those who may vouch for PayPal's, read anew for each; unset, all that this system "
        "trusts.",
    )
    paypal_ask_about_webhooks: bool = Field(
        default=False,
        description="Have PayPal's API verify each webhook, in place of its certificates: one request more for each, forged ones "
        "as well.",
    )

    paypal_statement_seconds: int = Field(
        default=round(STATEMENT_EVERY.total_seconds()),
        ge=1,
        le=86400,
        description="How often an account's statement (Transaction search) is looked at.",
    )
    paypal_statement_lateness_seconds: int = Field(
        default=round(STATEMENT_LATENESS.total_seconds()),
        ge=1,
        le=86400,
        description="How late a transaction may show in a statement, at PayPal up to three hours: so far back each look reads again.",
    )

    @field_validator("paypal_certificate_origins")
    @classmethod
    def _origins_are_such(cls, origins: str) -> str:
        if bad := [one for one in _listed(origins) if not _ORIGIN.fullmatch(one)]:
            msg = f"an origin is as https://api.paypal.com, without a path, in lower case: {bad[0]}"
            raise ValueError(msg)
        return origins

    @model_validator(mode="after")
    def _encrypted_in_production(self) -> Self:
        self.require_https("paypal_api_base", "requests carry a merchant's credentials")
        if self.in_production and any(not one.startswith("https://") for one in self.origins):
            raise ValueError("PAYPAL_CERTIFICATE_ORIGINS must be https in production")
        return self

    @property
    def origins(self) -> Collection[str]:
        """Where certificates may be fetched from."""
        return _listed(self.paypal_certificate_origins)


def _listed(origins: str) -> Collection[str]:
    return frozenset(filter(None, (one.strip() for one in origins.split(","))))
