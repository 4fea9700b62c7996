"""Reads URLs that clients send, whatever they are."""

from urllib.parse import SplitResult, urlsplit


def read_url(text: str) -> SplitResult | None:
    """The parts of an absolute URL of any scheme (an app may be returned to by its own), or None."""
    try:
        parts = urlsplit(text)
        named = parts.scheme and (parts.hostname or parts.path)
    except ValueError:
        return None
    return parts if named and "://" in text else None


def takes_webhooks(text: str) -> bool:
    """Whether a webhook could be posted there: http or https, with a host."""
    parts = read_url(text)
    return parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname)
