"""Times as PayPal writes them."""

from datetime import UTC, datetime


def written(at: int) -> str:
    """Unix seconds as 2026-11-27T21:30:00Z."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
