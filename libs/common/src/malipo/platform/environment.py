"""Where settings come from: environment variables, and files for secrets; and in what kind of environment a process runs."""

import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal, get_args, override

from pydantic import Field, SecretStr, ValidationInfo
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

FILE_SUFFIX = "_FILE"
"""What the name of a secret has in addition where a file has its value."""
MAX_SECRET_BYTES = 64 * 1024
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PLAINTEXT = (
    "must be encrypted when ENVIRONMENT is production: postgresql:// with sslmode=verify-full and sslrootcert, or rediss://; or set "
    "ALLOW_PLAINTEXT where something else encrypts, as a service mesh"
)


class BadSetting(Exception):
    """The text of a setting, or the file that it names, cannot be read. `setting` is the variable."""

    def __init__(self, setting: str, why: str) -> None:
        super().__init__(f"setting {setting}: {why}")


class EnvironmentSettings(BaseSettings):
    """The settings of any process of ours. Names are environment variables in upper case; a secret may come from a file.

    An empty variable is as good as none: so compose and Helm write what is not given.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True)

    environment: Literal["local", "test", "production"] = Field(
        default="production", description="`local` and `test` allow what production refuses."
    )
    allow_plaintext: bool = Field(
        default=False,
        description="Let production reach Kafka, PostgreSQL and Redis without TLS: for where something else encrypts, as a service mesh.",
    )

    @property
    def in_production(self) -> bool:
        """Whether what is allowed for trials alone is refused."""
        return self.environment == "production"

    def require_https(self, field: str, why: str) -> None:
        """For validators: raises `ValueError`, which says `why`, where production would send something in the clear to the address
        in this field. Unset, it is right.
        """
        address = getattr(self, field)
        if self.in_production and address is not None and not address.startswith("https://"):
            msg = f"{field.upper()} must be https in production: {why}"
            raise ValueError(msg)

    @override
    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given in code, the environment, and the files that it names."""
        return init_settings, _Variables(settings_cls), _SecretFiles(settings_cls)


class _Variables(EnvSettingsSource):
    """The environment. What is to be JSON and is none is told by its setting's name."""

    @override
    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """Raises `BadSetting`."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError as error:
            raise BadSetting(field_name.upper(), f"is no JSON: {error}") from None


class _SecretFiles(PydanticBaseSettingsSource):
    """The secrets whose files the environment names: `KEY_RING_FILE` for `KEY_RING`."""

    @override
    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        name = field_name.upper()
        file = os.environ.get(name + FILE_SUFFIX) if is_secret(field) else None
        if not file:
            return None, field_name, False
        if os.environ.get(name):
            raise BadSetting(name + FILE_SUFFIX, f"must not be set together with {name}")
        return _secret_in(Path(file), name + FILE_SUFFIX), field_name, False

    @override
    def __call__(self) -> dict[str, Any]:
        """The values by field. Raises `BadSetting`."""
        fields = self.settings_cls.model_fields
        values = {name: self.get_field_value(field, name)[0] for name, field in fields.items()}
        return {name: value for name, value in values.items() if value is not None}


def in_production(info: ValidationInfo) -> bool:
    """For validators of single settings: as `EnvironmentSettings.in_production`."""
    # A setting that failed its own validation is absent from `data`: then the strict reading holds.
    return info.data.get("environment", "production") == "production"


def unset_in_production[T](value: T, info: ValidationInfo) -> T:
    """For validators: the value. Raises `ValueError` where production is told what is for trials alone."""
    if value and in_production(info):
        msg = "must be unset when ENVIRONMENT is production"
        raise ValueError(msg)
    return value


def require_encryption(info: ValidationInfo, *, encrypted: bool) -> None:
    """For validators of a store's URL: raises `ValueError` where production would send what goes there in plain text."""
    if in_production(info) and not encrypted and not info.data.get("allow_plaintext"):
        raise ValueError(_PLAINTEXT)


def is_secret(field: FieldInfo) -> bool:
    """Whether a setting's value is to be shown to nobody, so that it may be in a file of its own."""
    return field.annotation is SecretStr or SecretStr in get_args(field.annotation)


def variables(settings: type[BaseSettings]) -> Collection[str]:
    """Every environment variable that these settings read."""
    fields = settings.model_fields
    files = [name.upper() + FILE_SUFFIX for name, field in fields.items() if is_secret(field)]
    return [*map(str.upper, fields), *files]


def _secret_in(file: Path, setting: str) -> str:
    """The text of the file, without the end of its last line and the mark that Windows begins a text with."""
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_SECRET_BYTES + 1)
    except OSError as error:
        raise BadSetting(setting, f"the file cannot be read: {error.strerror}") from None
    if len(content) > MAX_SECRET_BYTES:
        raise BadSetting(setting, f"the file has more than {MAX_SECRET_BYTES} bytes")
    try:
        text = content.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise BadSetting(setting, "the file is no text in UTF-8") from None
    if not text:
        raise BadSetting(setting, "the file is empty")
    if _CONTROL.search(text):
        raise BadSetting(setting, "the file has more than one line, or a control character in it")
    return text
