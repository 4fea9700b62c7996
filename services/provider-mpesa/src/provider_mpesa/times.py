"""Times as M-Pesa writes them: of East Africa, whatever they look like. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

EAST_AFRICA = timezone(timedelta(hours=3))


def timestamp(at: datetime) -> str:
    """`YYYYMMDDHHmmss`, as requests are signed with it."""
    return at.astimezone(EAST_AFRICA).strftime("%Y%m%d%H%M%S")


def date_and_time(at: datetime) -> str:
    """`YYYY-MM-DD HH:mm:ss`, as a statement is asked for by it."""
    return at.astimezone(EAST_AFRICA).strftime("%Y-%m-%d %H:%M:%S")


def readings(written: str) -> Sequence[datetime]:
    """What a time in a statement may mean, the likeliest first; nothing for what is no time.

    Samples end in Z, and seem to be times of East Africa nevertheless.
    """
    try:
        found = datetime.fromisoformat(written.strip().removesuffix("Z"))
    except ValueError:
        return []
    return [found] if found.tzinfo else [found.replace(tzinfo=zone) for zone in (EAST_AFRICA, UTC)]
