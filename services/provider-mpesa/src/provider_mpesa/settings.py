"""Settings of the provider M-Pesa; each is an environment variable in upper case."""

import re
from datetime import timedelta
from typing import Self

from pydantic import Field, FilePath, field_validator, model_validator

from http_limits.remote import Networks, networks
from provider_kit.settings import AddressedSettings
from provider_mpesa.certificate import read_certificate

STATEMENT_EVERY, STATEMENT_LATENESS = timedelta(minutes=1), timedelta(minutes=30)
"""How often a statement is looked at, and how late a transaction may show in it."""
SAFARICOM = "safaricom"
"""Stands for the addresses below in the setting."""
SAFARICOMS_ADDRESSES = (
    *("196.201.212.69", "196.201.212.74", "196.201.212.127", "196.201.212.129", "196.201.212.136", "196.201.212.138"),
    *("196.201.213.44", "196.201.213.114", "196.201.214.200", "196.201.214.206", "196.201.214.207", "196.201.214.208"),
)
"""What Daraja's page about going live has callbacks come from."""

_REFUSED_WORDS = re.compile("m-?pesa|safaricom|exec?|cmd|sql|query", re.IGNORECASE)


class Settings(AddressedSettings):
    """What this service needs beside what every service needs."""

    mpesa_api_base: str | None = Field(
        default=None,
        pattern=r"^https?://[^/]+$",
        description="Where all requests go, without a path; unset, to Safaricom's sandbox in test mode and its API in live mode.",
    )
    mpesa_timeout_seconds: float = Field(
        default=20,
        gt=0,
        le=30,
        description="Longest time of one request, whole. A try may send two and wait for two access tokens, and has two minutes "
        "for all of that.",
    )
    mpesa_connect_seconds: float = Field(default=5, gt=0, le=30, description="Longest time to connect.")
    mpesa_certificate_file: FilePath | None = Field(
        default=None,
        description="Safaricom's public certificate (PEM or CER), under which initiators' passwords are encrypted; without it "
        "nothing is reversed.",
    )
    mpesa_test_certificate_file: FilePath | None = Field(
        default=None, description="The sandbox's certificate, for test mode; MPESA_CERTIFICATE_FILE unless set."
    )
    mpesa_callback_addresses: str = Field(
        default="",
        max_length=2000,
        description="Who may send callbacks, as networks: `10.1.2.3, fd00::/8`; `safaricom` stands for those that Daraja lists. "
        "Unset, everybody who knows an address. Behind a proxy TRUSTED_PROXIES must list it.",
    )
    mpesa_settle_seconds: int = Field(
        default=600,
        ge=1,
        le=86400,
        description='How old a prompt has to be before it fails by a result that M-Pesa may correct, as 1037 "DS timeout"; and how long '
        "after it was sent the account's statement has to be known before one fails of which M-Pesa has never told the name.",
    )

    mpesa_statement_seconds: int = Field(
        default=round(STATEMENT_EVERY.total_seconds()),
        ge=1,
        le=3600,
        description="How often an account's statement (Pull Transactions) is looked at, unless a callback hints at news.",
    )
    mpesa_statement_lateness_seconds: int = Field(
        default=round(STATEMENT_LATENESS.total_seconds()),
        ge=1,
        le=3600,
        description="How late a transaction may show in a statement: so far back each look reads again.",
    )
    mpesa_statement_queries_per_minute: int = Field(
        default=30,
        ge=1,
        le=600,
        description="How often the statements of all accounts of an app are queried at the most, together. Safaricom grants so "
        "many requests to an app, prompts included, and tells nobody how many beforehand.",
    )

    @field_validator("mpesa_certificate_file", "mpesa_test_certificate_file")
    @classmethod
    def _is_a_certificate(cls, path: FilePath | None) -> FilePath | None:
        if path is not None:
            read_certificate(path)
        return path

    @field_validator("mpesa_callback_addresses")
    @classmethod
    def _senders_are_networks(cls, addresses: str) -> str:
        networks(_written_out(addresses))
        return addresses

    @model_validator(mode="after")
    def _encrypted_in_production(self) -> Self:
        self.require_https("mpesa_api_base", "requests carry a merchant's credentials")
        return self

    @model_validator(mode="after")
    def _callbacks_have_no_refused_word(self) -> Self:
        if found := _REFUSED_WORDS.search(self.callback_base_url):
            msg = f"CALLBACK_BASE_URL must not contain {found[0]!r}: Safaricom refuses such addresses"
            raise ValueError(msg)
        return self

    @property
    def senders(self) -> Networks:
        """Who may send callbacks; none for everybody."""
        return networks(_written_out(self.mpesa_callback_addresses))


def _written_out(addresses: str) -> str:
    return re.sub(rf"\b{SAFARICOM}\b", ", ".join(SAFARICOMS_ADDRESSES), addresses)
