"""The bank's times: RFC 3339, in UTC or with an offset. Pure."""

from datetime import UTC, datetime


def read(text: str | None) -> datetime | None:
    """The moment; None for what is none, or has no offset."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo is not None else None
