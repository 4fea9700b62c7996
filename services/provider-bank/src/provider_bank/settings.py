"""Settings of the provider Partner bank; each is an environment variable in upper case."""

from typing import Annotated, Self

from pydantic import Field, Json, StringConstraints, model_validator

from provider_bank.partners import Partner
from provider_kit.settings import ProviderSettings

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,40}$")]


class Settings(ProviderSettings):
    """What this service needs beside what every service needs."""

    bank_partners: Json[dict[_Name, Partner]] = Field(
        description='The partner banks by the names that credentials give: `{"default": {"mode": "test", "authentication": "oauth2", '
        '"api_base": "https://api.bank.example"}}`. `mode` is `test` or `live`, `authentication` is `oauth2`, `mtls` or `api_key`, '
        "and `api_base` has no path; beside these required ones there are `webhooks`, `hmac` or `jws`, `certificate_authorities`, a "
        "file (PEM) of those who vouch for the bank's certificate, in place of all that this system trusts, and "
        "`timeout_seconds`, the longest time of one request, at most 30, and 20 unless set.",
    )
    bank_statement_seconds: int = Field(
        default=300,
        ge=1,
        le=86_400,
        description="How often each account's payments are read that have changed at its bank.",
    )
    bank_connect_seconds: float = Field(default=5, gt=0, le=30, description="Longest time to connect.")

    @model_validator(mode="after")
    def _partners_are_there_and_encrypted(self) -> Self:
        if not self.bank_partners:
            raise ValueError("BANK_PARTNERS names no partner")
        for name, partner in self.bank_partners.items():
            if self.in_production and not partner.api_base.startswith("https://"):
                msg = f"BANK_PARTNERS: api_base of {name} must be https in production: requests carry credentials"
                raise ValueError(msg)
        return self
