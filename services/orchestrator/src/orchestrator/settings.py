"""The orchestrator's settings, beyond those that every service has."""

from pydantic import Field

from malipo.platform.retention_settings import RetentionSettings
from malipo.platform.settings import RestoredSettings


class Settings(RestoredSettings):
    """Environment variables of the orchestrator. What a payment may do is in the state table."""

    roll_call_seconds: str = Field(
        default="60,3600,86400",
        pattern=r"^\d{1,6}(\.\d{1,3})?(,\d{1,6}(\.\d{1,3})?){0,4}$",
        description="Seconds after which the roll call names what was published, once each: a service that lacks any of it requests it.",
    )

    @property
    def roll_calls(self) -> tuple[float, ...]:
        """The delays in seconds."""
        return tuple(float(seconds) for seconds in self.roll_call_seconds.split(","))


class Retention(RetentionSettings):
    """What `retention` keeps of the orchestrator's."""

    history_days: int | None = Field(
        default=None,
        ge=90,
        le=36_500,
        description="Days that the history of payments is kept after the month in which they were made; for ever if unset.",
    )
