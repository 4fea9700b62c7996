"""Signatures of the Standard Webhooks specification: HMAC-SHA256 over `id.timestamp.body`. Pure."""

import base64
import binascii
import hashlib
import hmac

_PREFIX = "whsec_"


class BadSecret(ValueError):
    """A secret that is not `whsec_` and base64, so that nothing can be signed with it. The error never contains it."""


def headers(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers that prove who sent `body`. `timestamp` is in whole Unix seconds. Raises `BadSecret`."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secret, message_id, timestamp, body),
    }


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the base64 of the signature. Raises `BadSecret`."""
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    digest = hmac.digest(_key(secret), signed, hashlib.sha256)
    return "v1," + base64.b64encode(digest).decode()


def _key(secret: str) -> bytes:
    """The key in `secret`, whose prefix and base64 padding may be missing, as in the specification's own libraries."""
    text = secret.removeprefix(_PREFIX).rstrip("=")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (ValueError, binascii.Error):
        raise BadSecret from None
    if not key:
        raise BadSecret
    return key
