"""The settings of whoever has to do with a database: where it is, and as whom it is used."""

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from malipo.platform import database_url
from malipo.platform.environment import EnvironmentSettings, require_encryption


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
        text = database_url.checked(url.get_secret_value())
        require_encryption(info, encrypted=database_url.is_encrypted(text))
        return SecretStr(text)
