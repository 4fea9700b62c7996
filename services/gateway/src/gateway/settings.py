"""The gateway's settings, beyond those that every service has."""

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from gateway import redis_url
from malipo.platform.environment import EnvironmentSettings, require_encryption
from malipo.platform.retention_settings import RetentionSettings
from malipo.platform.settings import HttpSettings, WebhookSettings


class AuditSettings(EnvironmentSettings):
    """What `retention` and the gateway itself have to know: it forgets decisions that are of no month."""

    audit_days: int = Field(default=400, ge=1, le=3650, description="How long decisions about keys stay recorded.")


class Retention(RetentionSettings, AuditSettings):
    """What `retention` keeps of the gateway's."""

    timeline_days: int | None = Field(
        default=None,
        ge=90,
        le=36_500,
        description="Days that timelines of payments are kept after the month in which these were made; for ever if unset.",
    )


class Settings(WebhookSettings, HttpSettings, AuditSettings):
    """Environment variables of the gateway."""

    redis_url: SecretStr = Field(
        description="Redis for rate limits and for waking a waiting POST: `rediss://user:password@host:6379/0?ssl_ca_certs=/ca.pem`. "
        "Production refuses one without TLS, unless it is a socket on the same machine (`unix:///run/redis.sock`)."
    )
    wait_seconds: float = Field(
        default=3,
        ge=0,
        le=10,
        description="How long a POST waits for the first meaningful state before it answers 202.",
    )
    max_waiting: int = Field(
        default=2000, ge=1, le=100_000, description="Requests of this process that may wait; others get 202 at once."
    )
    rate_limit_per_second: int = Field(
        default=200, ge=1, le=100_000, description="Requests a second of one merchant and mode, over time."
    )
    rate_limit_burst: int = Field(
        default=400, ge=1, le=1_000_000, description="Requests of one merchant and mode that may come at once."
    )
    anonymous_limit_per_second: int = Field(
        default=10,
        ge=1,
        le=100_000,
        description="Refused requests (no key, a wrong one, a missing scope) a second of one address that one process records.",
    )
    anonymous_limit_burst: int = Field(
        default=200, ge=1, le=1_000_000, description="Such requests of one address that may come at once."
    )
    resend_seconds: float = Field(
        default=30,
        ge=0.5,
        le=900,
        description="After so long without an answer a command to the orchestrator is sent again, then at doubled waits.",
    )
    events_days: int | None = Field(
        default=None, ge=30, le=36_500, description="Days that `GET /v1/events` has an event; for ever if unset."
    )
    idempotency_days: int = Field(
        default=7,
        ge=7,
        le=365,
        description="How long an Idempotency-Key is remembered; merchants are promised seven days.",
    )

    @field_validator("redis_url")
    @classmethod
    def _is_of_redis(cls, url: SecretStr, info: ValidationInfo) -> SecretStr:
        text = url.get_secret_value()
        redis_url.check(text)
        require_encryption(info, encrypted=redis_url.is_encrypted(text))
        return url
