"""The settings of `retention`, which every service has; some add kinds of data of their own."""

from pydantic import Field

from malipo.platform.database_settings import DatabaseSettings

INBOX_DAYS = 100
"""Longer than any topic or dead letter is kept, so that no redelivery outlives its inbox row."""


class RetentionSettings(DatabaseSettings):
    """Environment variables of `python -m <package> retention`, which connects as the role that owns the tables."""

    inbox_days: int = Field(
        default=INBOX_DAYS,
        ge=INBOX_DAYS,
        le=3650,
        description="Days that the inbox knows a message after the month of its id: longer than any is kept elsewhere and may come again.",
    )
