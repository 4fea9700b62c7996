"""The settings of whoever has to do with a database: where it is, and as whom it is used."""

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from malipo.platform import database_url
from malipo.platform.environment import EnvironmentSettings

_PLAINTEXT = (
    "must be encrypted when ENVIRONMENT is production: postgresql:// with sslmode=verify-full and sslrootcert, or rediss://; or set "
    "ALLOW_PLAINTEXT where something else encrypts, as a service mesh"
)


class DatabaseSettings(EnvironmentSettings):
    """All that a migration needs, and part of what every service does."""

    database_url: SecretStr = Field(
        description="PostgreSQL of this service alone: `postgresql://user:password@host/db?sslmode=verify-full&sslrootcert=/ca.pem`. "
        "`serve` needs a role that reads and writes rows, `migrate` the one that owns the tables. Production refuses one without "
        "TLS, unless it is a socket on the same machine (`?host=/run/postgresql`)."
    )

    @field_validator("database_url")
    @classmethod
    def _is_of_a_database(cls, url: SecretStr, info: ValidationInfo) -> SecretStr:
        text = url.get_secret_value()
        database_url.check(text)
        require_encryption(info, encrypted=database_url.is_encrypted(text))
        return url


def require_encryption(info: ValidationInfo, *, encrypted: bool) -> None:
    """For validators of a store's URL: raises `ValueError` where production would send what goes there in plain text."""
    # A setting that failed its own validation is absent from `data`: then the strict reading holds.
    production = info.data.get("environment", "production") == "production"
    if production and not encrypted and not info.data.get("allow_plaintext"):
        raise ValueError(_PLAINTEXT)
