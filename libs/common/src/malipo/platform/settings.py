"""Settings: environment variables and files of secrets, read once in `main`, validated whole."""

import socket
import sys
from typing import Literal, Self

from pydantic import (
    AwareDatetime,
    DirectoryPath,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from http_limits.addresses import host_names
from http_limits.limits import Limits
from http_limits.remote import networks
from malipo.platform.database_settings import DatabaseSettings
from malipo.platform.environment import BadSetting, EnvironmentSettings, in_production, unset_in_production
from malipo.platform.kafka_settings import KafkaSettings
from malipo.platform.secrets import KeyRing

EXIT_BAD_CONFIGURATION = 78  # EX_CONFIG of sysexits.h


class ServiceSettings(KafkaSettings, DatabaseSettings):
    """What every service needs."""

    instance: str = Field(
        default="",
        validate_default=True,
        description="Name of this replica, unique within the service and the same after a restart; the host's unless set.",
    )
    database_connections: int = Field(default=10, ge=2, le=100, description="Connections in this process's pool.")
    admin_host: str = Field(default="0.0.0.0", description="Address to listen on for operators.")  # noqa: S104 - a container's own network
    admin_port: int = Field(
        default=9000,
        ge=1,
        le=65535,
        description="Port for `/health/live`, `/health/ready` and `/metrics`, for operators alone.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="Least level logged.")
    otel_exporter_otlp_endpoint: str | None = Field(
        default=None,
        description="Where traces go, e.g. `http://collector:4318`; unset sends none. The SDK's own `OTEL_BSP_*` hold, too.",
    )
    trace_ratio: float = Field(default=0.1, ge=0, le=1, description="Share of new traces that are recorded.")
    lease_seconds: float = Field(
        default=6,
        ge=1,
        le=60,
        description="How long work of a process that died stays out of reach; longer than any pause of a healthy one.",
    )
    failpoints: DirectoryPath | None = Field(
        default=None, description="Folder of a crash test's plan, which kills this process. Refused in production."
    )

    @field_validator("instance")
    @classmethod
    def _host_unless_set(cls, instance: str) -> str:
        return instance or socket.gethostname()

    @field_validator("failpoints")
    @classmethod
    def _no_failpoints_in_production(cls, folder: DirectoryPath | None, info: ValidationInfo) -> DirectoryPath | None:
        return unset_in_production(folder, info)


class HttpSettings(ServiceSettings):
    """What a service needs that strangers call, merchants or providers, beyond what every service needs."""

    http_host: str = Field(default="0.0.0.0", description="Address to listen on for the public.")  # noqa: S104 - a container's own network
    http_port: int = Field(default=8080, ge=1, le=65535, description="Port for the API, or for a provider's callbacks.")
    http_head_bytes: int = Field(
        default=Limits.head_bytes,
        ge=1024,
        le=256 * 1024,
        description="Most bytes of a request's line and headers, and of a body's trailers; more is answered 431.",
    )
    http_head_fields: int = Field(
        default=Limits.head_fields, ge=10, le=1000, description="Most header lines of a request; more is answered 431."
    )
    http_head_seconds: int = Field(
        default=Limits.head_seconds,
        ge=1,
        le=120,
        description="Time for a request's headers to arrive, else 408; as long for the rest of a body that was not wanted.",
    )
    http_idle_seconds: int = Field(
        default=Limits.idle_seconds,
        ge=1,
        le=3600,
        description="How long a connection may wait for its next request; longer than a proxy in front keeps it.",
    )
    http_connections: int = Field(
        default=Limits.connections, ge=10, le=100_000, description="Most connections of this process; more get 503."
    )
    http_connections_per_address: int = Field(
        default=Limits.connections_per_address,
        ge=1,
        le=100_000,
        description="Most connections of one IPv4 address or IPv6 /64 that is no trusted proxy; more get 503.",
    )
    http_drain_seconds: float = Field(
        default=5,
        ge=0,
        le=120,
        description="How long requests are still served after SIGTERM, while `/health/ready` answers 503: until every load "
        "balancer has noticed. 0 where there is none.",
    )
    stop_seconds: float = Field(
        default=15,
        gt=0,
        le=300,
        description="Time to finish requests in flight after `HTTP_DRAIN_SECONDS`; other work has 20 s more, and what takes longer "
        "is handed back. Whoever kills what does not stop should wait longer than all of that.",
    )
    trusted_proxies: str = Field(
        default="",
        max_length=2000,
        description=(
            "Proxies in front, as networks: `10.1.2.3, fd00::/8`. They alone may name the client in `X-Forwarded-For`; "
            "behind a proxy that is not listed all clients are one address, and share its limits."
        ),
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, proxies: str) -> str:
        networks(proxies)
        return proxies

    @model_validator(mode="after")
    def _ports_differ(self) -> Self:
        if self.http_port == self.admin_port:
            msg = f"ADMIN_PORT must be another than HTTP_PORT, which is {self.http_port}: what operators read is not for the public"
            raise ValueError(msg)
        return self

    @property
    def limits(self) -> Limits:
        """What the HTTP server lets in."""
        return Limits(
            head_bytes=self.http_head_bytes,
            head_fields=self.http_head_fields,
            head_seconds=self.http_head_seconds,
            idle_seconds=self.http_idle_seconds,
            connections=self.http_connections,
            connections_per_address=self.http_connections_per_address,
            trusted_proxies=networks(self.trusted_proxies),
        )


class RestoredSettings(ServiceSettings):
    """What a service needs that has to know what it may have forgotten, beyond what every service needs."""

    restored_at: AwareDatetime | None = Field(
        default=None,
        description="After its database was restored to an earlier moment: when the services had all stopped, as "
        "`2026-11-29T10:05:00Z`. What was made before, and the database does not know, may have been sent.",
    )


class KeyRingSettings(ServiceSettings):
    """What a service needs that seals or opens secrets, beyond what every service needs."""

    key_ring: SecretStr = Field(
        description="Keys that encrypt secrets: `id:base64,id:base64`, 32 bytes each; the first one encrypts. Leave one in the "
        "ring for the gateway's IDEMPOTENCY_DAYS after it was the first: without it merchants' repeats of requests of that "
        "time are refused with `idempotency_key_reused`."
    )

    @field_validator("key_ring")
    @classmethod
    def _is_a_key_ring(cls, ring: SecretStr, info: ValidationInfo) -> SecretStr:
        guessable = KeyRing.parse(ring.get_secret_value()).guessable
        if guessable and in_production(info):
            msg = f"has a key that was not drawn at random ({guessable[0]}), as examples have; `openssl rand -base64 32` makes one"
            raise ValueError(msg)
        return ring


class WebhookSettings(KeyRingSettings):
    """What a service needs that accepts or calls the URLs of merchants' webhooks, beyond what every service needs."""

    allow_loopback: bool = Field(
        default=False,
        description="Let webhooks go to this machine, over plain http and to any port; such endpoints are made in test mode only. "
        "Refused in production.",
    )
    allow_hosts: str = Field(
        default="",
        max_length=2000,
        description="Names that webhooks may go to wherever they lead, over plain http and to any port: `merchant-sim, shop.lan`; "
        "such endpoints are made in test mode only. Refused in production.",
    )

    @field_validator("allow_loopback", "allow_hosts")
    @classmethod
    def _never_in_production[Allowed: (bool, str)](cls, value: Allowed, info: ValidationInfo) -> Allowed:
        return unset_in_production(value, info)

    @field_validator("allow_hosts")
    @classmethod
    def _are_names(cls, hosts: str) -> str:
        host_names(hosts)
        return hosts

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """The names that webhooks may go to wherever they lead."""
        return host_names(self.allow_hosts)


def load[S: EnvironmentSettings](settings: type[S]) -> S:
    """The settings from the environment and the files that it names. A bad one stops the process (exit code 78) with its name, never its value."""
    try:
        return settings()  # pyright: ignore[reportCallIssue] - the values come from the environment
    except BadSetting as error:
        print(error, file=sys.stderr)  # noqa: T201 - logs are not set up yet
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False):
            print(_explained(problem), file=sys.stderr)  # noqa: T201 - logs are not set up yet
    sys.exit(EXIT_BAD_CONFIGURATION)


def _explained(problem: ErrorDetails) -> str:
    """E.g. `setting HTTP_PORT: should be less than or equal to 65535`; a check of several settings begins with the name of one."""
    why = "is required" if problem["type"] == "missing" else problem["msg"]
    why = why.removeprefix("Value error, ").removeprefix("Input ")
    if not problem["loc"]:
        name, _, why = why.partition(" ")
        return f"setting {name.removesuffix(':')}: {why}"
    name, *path = map(str, problem["loc"])
    within = f"at {'.'.join(path)}: " if path else ""
    return f"setting {name.upper()}: {within}{why}"
