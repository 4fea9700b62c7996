"""East Africa Time, in which Daraja reads and writes everything; the simulator itself counts Unix seconds."""

from datetime import UTC, datetime, timedelta, timezone

EAST_AFRICA = timezone(timedelta(hours=3), "EAT")
STAMP = "%Y%m%d%H%M%S"


def in_east_africa(unix_seconds: int) -> datetime:
    return datetime.fromtimestamp(unix_seconds, UTC).astimezone(EAST_AFRICA)


def stamp(unix_seconds: int) -> str:
    """As in a Timestamp, a TransactionDate or a TransTime: YYYYMMDDHHmmss."""
    return in_east_africa(unix_seconds).strftime(STAMP)


def read_stamp(text: str) -> int | None:
    """Unix seconds of a YYYYMMDDHHmmss in East Africa Time, or None if it is none."""
    if len(text) != len("YYYYMMDDHHmmss") or not (text.isascii() and text.isdigit()):
        return None
    try:
        return int(datetime.strptime(text, STAMP).replace(tzinfo=EAST_AFRICA).timestamp())
    except ValueError:
        return None
