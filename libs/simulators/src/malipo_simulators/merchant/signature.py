"""Verifies Standard Webhooks signatures, and raises nothing but its own error whatever it is given."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping

PREFIX = "whsec_"
TOLERANCE_SECONDS = 300
TIMESTAMP = re.compile(r"[0-9]{1,12}")
MAX_SIGNATURES = 32


class BadSignature(Exception):
    """The request was not signed by a holder of the secret, or not recently. The message says which."""


def verify(secrets: Iterable[str], headers: Mapping[str, str], body: bytes, *, now: int) -> None:
    """Accept if any signature fits any secret (both are rotated), else raise BadSignature.

    `webhook-timestamp` must be whole seconds within 300 of `now`, in both directions. Tokens that are not
    `v1,<base64>` are passed over: a bad one never hides a good one behind it. Header names in lower case.
    """
    keys = [read_secret(secret) for secret in secrets]
    message_id, timestamp = required(headers, "webhook-id"), read_timestamp(headers, now)
    given = list(v1_signatures(required(headers, "webhook-signature")))
    signed = f"{message_id}.{timestamp}.".encode() + body
    fits = [hmac.compare_digest(sign_bytes(key, signed), one) for key in keys for one in given]
    if not any(fits):
        raise BadSignature("no signature fits")


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature` value a sender would use; raises BadSignature for a secret that is none."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(sign_bytes(read_secret(secret), signed)).decode()


def sign_bytes(key: bytes, signed: bytes) -> bytes:
    return hmac.new(key, signed, hashlib.sha256).digest()


def read_secret(secret: str) -> bytes:
    """With or without its prefix, with or without base64 padding; empty is refused."""
    key = decoded(secret.removeprefix(PREFIX))
    if not key:
        raise BadSignature("the secret is empty or not base64")
    return key


def required(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name)
    if not value:
        raise BadSignature(f"header {name} is missing")
    return value


def read_timestamp(headers: Mapping[str, str], now: int) -> int:
    text = required(headers, "webhook-timestamp")
    if not TIMESTAMP.fullmatch(text):
        raise BadSignature("webhook-timestamp is not whole seconds")
    if abs(int(text) - now) > TOLERANCE_SECONDS:
        raise BadSignature("webhook-timestamp is too far from now")
    return int(text)


def v1_signatures(header: str) -> Iterable[bytes]:
    for token in header.split()[:MAX_SIGNATURES]:
        version, _, encoded = token.partition(",")
        signature = decoded(encoded) if version == "v1" else None
        if signature:
            yield signature


def decoded(text: str) -> bytes | None:
    padded = text.rstrip("=")
    padded += "=" * (-len(padded) % 4)
    try:
        return base64.b64decode(padded, validate=True)
    except (binascii.Error, ValueError):
        return None
