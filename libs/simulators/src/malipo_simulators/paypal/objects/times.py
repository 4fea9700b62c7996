"""Times as PayPal writes them."""

from datetime import UTC, datetime


def written(at: int) -> str:
    """Unix seconds as 2026-11-27T21:30:00Z."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def written_to_the_millisecond(at: int) -> str:
    """Unix seconds as 2026-11-27T21:30:00.000Z."""
    return written(at).replace("Z", ".000Z")


def read(given: str) -> float | None:
    """Unix seconds of a time with an offset, as in 2026-11-27T21:30:00Z or ...+0000; None for anything else."""
    try:
        at = datetime.fromisoformat(given)
        return at.timestamp() if at.tzinfo else None
    except (ValueError, OverflowError):
        return None
