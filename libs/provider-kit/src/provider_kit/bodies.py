"""The body of a callback: what it is known by where it has no id, and what becomes of a genuine one that is no event. Pure."""

import hashlib
from collections.abc import Callable

from malipo.platform.logs import log
from provider_kit.provider import ParsedCallback


def name_of_body(body: bytes) -> str:
    """The name of a callback without an id of its own: the body's SHA-256, the same when it comes again."""
    return hashlib.sha256(body).hexdigest()


def parsed_or_noted(body: bytes, parse: Callable[[bytes], ParsedCallback]) -> ParsedCallback:
    """A genuine callback as `parse` reads it. What it raises `ValueError` for is logged and empty: what the provider has signed
    is not refused, or it would send it again.
    """
    try:
        return parse(body)
    except ValueError:
        log.error("signed, and no event", size_bytes=len(body))
        return ParsedCallback(name_of_body(body))
