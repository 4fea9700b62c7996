"""The Idempotency-Key header, and what makes two requests the same."""

import hashlib
import json

from malipo_simulators.stripe.errors import invalid
from malipo_simulators.stripe.http.forms import Form

MAX_KEY_LENGTH = 255


def checked_key(header: str | None) -> str | None:
    if header is None:
        return None
    if not 1 <= len(header) <= MAX_KEY_LENGTH:
        raise invalid(f"An idempotency key has 1 to {MAX_KEY_LENGTH} characters.")
    return header


def fingerprint_of(method: str, path: str, form: Form) -> bytes:
    """Two requests are the same when endpoint and parameters are; the order of parameters does not count."""
    canonical = json.dumps([method, path, form], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).digest()
