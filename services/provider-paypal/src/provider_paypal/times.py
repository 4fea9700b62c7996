"""PayPal's times: RFC 3339, in UTC or with an offset. Pure."""

from datetime import UTC, datetime


def read(text: str) -> datetime | None:
    """The moment; None for what is none, has no offset, or is beyond the years that there are in UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def written(at: datetime) -> str:
    """A moment as requests carry it, to the second; `at` is in UTC."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
