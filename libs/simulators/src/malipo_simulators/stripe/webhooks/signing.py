"""Stripe's webhook signature: HMAC-SHA256 over `timestamp.body`, keyed with the whole whsec_ string."""

import hashlib
import hmac
from collections.abc import Iterable

from malipo_simulators.kit.webhooks.courier import Delivery

WRONG_SECRETS = ("whsec_thisIsNotTheSecretOfAnyEndpoint",)


def webhook_headers(secrets: Iterable[str], delivery: Delivery, timestamp: int) -> dict[str, str]:
    """All headers of one attempt; a forged one is signed with a secret of no endpoint."""
    signed_with = WRONG_SECRETS if delivery.forged else secrets
    return {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        "Stripe-Signature": signature_header(signed_with, timestamp, delivery.body),
    }


def signature(secret: str, timestamp: int, body: bytes) -> str:
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def signature_header(secrets: Iterable[str], timestamp: int, body: bytes) -> str:
    """One `v1` for each secret, so that a receiver can hold either while they are rotated.

    A `v0` is added, as in Stripe's test mode: receivers must ignore schemes they do not know.
    """
    parts = [f"v1={signature(secret, timestamp, body)}" for secret in secrets]
    return ",".join([f"t={timestamp}", *parts, f"v0={hashlib.sha256(body).hexdigest()}"])
