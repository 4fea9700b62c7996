"""The settings of whoever has to do with Kafka: where it is, how it is spoken to, and who we are there."""

import re
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator

from malipo.platform.environment import EnvironmentSettings
from malipo.platform.tls import TlsFiles

type Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
type Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]

NOBODY = "a client that says no name"
"""Who we are where no setting says it."""
_PASSWORD = ("kafka_username", "kafka_password")
_TOKEN = ("kafka_oauth_token_url", "kafka_oauth_client_id", "kafka_oauth_client_secret")
_TOKEN_TOO = ("kafka_oauth_scope", "kafka_oauth_extensions", "kafka_oauth_ca_file")
_TLS = ("kafka_ca_file", "kafka_certificate_file", "kafka_key_file")
_PLAINTEXT = (
    "KAFKA_SECURITY_PROTOCOL must be SASL_SSL or SSL when ENVIRONMENT is production; or set ALLOW_PLAINTEXT where something else "
    "encrypts and knows who is who, as a service mesh"
)
_READABLE = (
    "KAFKA_SECURITY_PROTOCOL must not be SASL_PLAINTEXT when ENVIRONMENT is production: secrets would be readable"
)

_HIGHEST_PORT = 65535
_BROKER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):(\d{1,5})")


class KafkaSettings(EnvironmentSettings):
    """A setting that would have no effect is refused like one that is missing: who sets a password believes that it is used."""

    kafka_bootstrap: str = Field(description="Kafka brokers: `host:port,host:port`; an IPv6 address in brackets.")
    kafka_security_protocol: Protocol = Field(
        default="PLAINTEXT",
        description="How the brokers are spoken to. Production refuses PLAINTEXT, unless ALLOW_PLAINTEXT is set, and SASL_PLAINTEXT.",
    )
    kafka_sasl_mechanism: Mechanism | None = Field(
        default=None, description="How we say who we are, with SASL_SSL and SASL_PLAINTEXT."
    )
    kafka_username: str | None = Field(
        default=None, min_length=1, description="Our user, with PLAIN and SCRAM; each service has its own."
    )
    kafka_password: SecretStr | None = Field(default=None, min_length=1, description="Its password.")
    kafka_ca_file: Path | None = Field(
        default=None,
        description="Certificates (PEM) of who may vouch for the brokers; unset, all whom this system trusts.",
    )
    kafka_certificate_file: Path | None = Field(
        default=None, description="Our own certificate (PEM, with those between it and its authority): mutual TLS."
    )
    kafka_key_file: Path | None = Field(default=None, description="Its key (PEM, not encrypted).")
    kafka_oauth_token_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^/\s]+",
        description="Where OAUTHBEARER gets access tokens by client credentials; https in production.",
    )
    kafka_oauth_client_id: str | None = Field(default=None, min_length=1, description="Who asks for tokens.")
    kafka_oauth_client_secret: SecretStr | None = Field(default=None, min_length=1, description="Its secret.")
    kafka_oauth_scope: str | None = Field(
        default=None, min_length=1, description="The scope that is asked for, if any."
    )
    kafka_oauth_extensions: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z]+=[^,=\s]+(,[A-Za-z]+=[^,=\s]+)*$",
        description="What the brokers are told beside the token: `logicalCluster=lkc-1,identityPoolId=pool-1`.",
    )
    kafka_oauth_ca_file: Path | None = Field(
        default=None, description="Certificates (PEM) of who may vouch for the token's server; unset, all trusted here."
    )

    @field_validator("kafka_bootstrap")
    @classmethod
    def _are_brokers(cls, brokers: str) -> str:
        for broker in brokers.split(","):
            if not (found := _BROKER.fullmatch(broker.strip())) or not 0 < int(found[2]) <= _HIGHEST_PORT:
                msg = f"{broker!r} is no broker: write host:port, with a comma between two, and IPv6 in brackets"
                raise ValueError(msg)
        return brokers

    @field_validator("kafka_ca_file", "kafka_oauth_ca_file")
    @classmethod
    def _are_certificates(cls, file: Path | None) -> Path | None:
        if file is not None:
            TlsFiles(file).context()
        return file

    @field_validator("kafka_key_file")
    @classmethod
    def _belongs_to_the_certificate(cls, key: Path | None, info: ValidationInfo) -> Path | None:
        certificate = info.data.get("kafka_certificate_file")
        if certificate and key:
            TlsFiles(None, certificate, key).context()
        return key

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.in_production and self.kafka_security_protocol == "PLAINTEXT" and not self.allow_plaintext:
            raise ValueError(_PLAINTEXT)
        if self.in_production and self.kafka_security_protocol == "SASL_PLAINTEXT":
            raise ValueError(_READABLE)
        self.require_https("kafka_oauth_token_url", "it is sent a secret")
        self._require_what_is_used()
        return self

    @property
    def encrypts(self) -> bool:
        """Whether the brokers are spoken to by TLS."""
        return self.kafka_security_protocol in ("SSL", "SASL_SSL")

    @property
    def authenticates(self) -> bool:
        """Whether the brokers are told who we are, beside by a certificate."""
        return self.kafka_security_protocol in ("SASL_SSL", "SASL_PLAINTEXT")

    @property
    def who(self) -> str:
        """Whom the brokers take us for, in words for people: by the setting that says it."""
        for name in ("kafka_username", "kafka_oauth_client_id", "kafka_certificate_file"):
            if said := getattr(self, name):
                return f"{said} ({name.upper()})"
        return NOBODY

    def _require_what_is_used(self) -> None:
        needed, possible = self._used()
        for name in ("kafka_sasl_mechanism", *_PASSWORD, *_TOKEN, *_TOKEN_TOO, *_TLS):
            there = getattr(self, name) is not None
            if there != (name in needed) and name not in possible:
                msg = f"{name.upper()} must be {'unset' if there else 'set'} with {self._way_in()}"
                raise ValueError(msg)

    def _way_in(self) -> str:
        mechanism = f" and KAFKA_SASL_MECHANISM={self.kafka_sasl_mechanism}" if self.kafka_sasl_mechanism else ""
        return f"KAFKA_SECURITY_PROTOCOL={self.kafka_security_protocol}{mechanism if self.authenticates else ''}"

    def _used(self) -> tuple[set[str], set[str]]:
        """Which settings are needed with this protocol and mechanism, and which may be set."""
        needed: set[str] = set()
        possible: set[str] = {"kafka_ca_file"} if self.encrypts else set()
        if self.encrypts and (self.kafka_certificate_file or self.kafka_key_file):
            needed |= {"kafka_certificate_file", "kafka_key_file"}
        if self.authenticates:
            needed |= {"kafka_sasl_mechanism"}
        if self.kafka_sasl_mechanism == "OAUTHBEARER":
            needed |= set(_TOKEN)
            possible |= set(_TOKEN_TOO)
        elif self.kafka_sasl_mechanism is not None:
            needed |= set(_PASSWORD)
        return needed, possible
