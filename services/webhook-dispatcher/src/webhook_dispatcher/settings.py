"""The settings of the webhook-dispatcher."""

import re

from pydantic import Field, field_validator

from malipo.platform.settings import WebhookSettings

_SECONDS = re.compile(r"\s*\d{1,6}(\.\d{1,3})?\s*")
_MOST_WAITS = 30


class Settings(WebhookSettings):
    """The dispatcher's settings, beyond those that every service has."""

    retry_schedule_seconds: str = Field(
        default="5,30,120,600,1800,7200,18000,36000,36000,86400,86400",
        description="Seconds to wait after each failed attempt, up to 30 of them; after the last the event is given up.",
    )
    overtake_after_seconds: float = Field(
        default=600,
        ge=1,
        le=30 * 86400,
        description="After failing for this long an event holds up later events of its payment no longer; it is still tried.",
    )
    attempt_seconds: float = Field(
        default=15,
        gt=0,
        le=60,
        description="Time for one attempt, from the name's look-up to the status line of the answer.",
    )
    attempts_at_once: int = Field(default=100, ge=1, le=2000, description="Attempts in flight in this process.")
    attempts_per_endpoint: int = Field(
        default=10, ge=1, le=100, description="Attempts in flight to one endpoint, over all replicas."
    )
    keep_days: int = Field(
        default=30, ge=1, le=3650, description="Days that a finished delivery and its attempts are kept."
    )

    @field_validator("retry_schedule_seconds")
    @classmethod
    def _is_a_list(cls, text: str) -> str:
        waits = text.split(",")
        if len(waits) > _MOST_WAITS or not all(map(_SECONDS.fullmatch, waits)):
            msg = f"must be as 5,30,120: seconds, each below a million, at most {_MOST_WAITS} of them"
            raise ValueError(msg)
        return text

    @property
    def retry_schedule(self) -> tuple[float, ...]:
        """The waits in seconds after the first, second, ... failed attempt."""
        return tuple(float(seconds) for seconds in self.retry_schedule_seconds.split(","))
