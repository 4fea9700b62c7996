"""Webhooks as a partner bank sends them, and keys that it signs them with."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from malipo import clock
from provider_kit.provider import Callback

SECRETS = {"key-1": "whsec-1", "key-2": "whsec-2"}
CREDENTIALS = {
    "partner": "default",
    "debtor_account_id": "acc-1",
    "oauth": {"client_id": "shop", "client_secret": "secret"},
    "webhook_keys": [{"id": name, "secret": secret} for name, secret in SECRETS.items()],
}

type PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def payment_json(**changes: Any) -> dict[str, Any]:
    """A payment of the account, completed unless told otherwise."""
    return {
        "id": "pmt_1",
        "end_to_end_id": "E2E1",
        "rail": "ACH",
        "status": "completed",
        "status_reason": None,
        "iso_status": "ACSC",
        "clearing_ref": None,
        "amount": "10.00",
        "currency": "USD",
        "debtor_account_id": "acc-1",
        "creditor": {"name": "J. D.", "account": {"number": "****6789", "routing": "021000021"}},
        "remittance": None,
        "execution_at": "2026-11-27T15:00:00.000000Z",
        "returned": None,
        "return_request": None,
        "created_at": "2026-11-27T15:00:00.000000Z",
        "updated_at": "2026-11-27T15:00:02.000000Z",
        "version": 3,
    } | changes


RETURNED = {"code": "R02", "text": "Account closed", "at": "2026-11-30T15:00:00Z", "amount": "10.00"}


def event(event_id: str = "evt_1", event_type: str | None = None, **changes: Any) -> bytes:
    payment = payment_json(**changes)
    body = {"id": event_id, "type": event_type or f"payment.{payment['status']}", "created_at": payment["updated_at"]}
    return json.dumps(body | {"data": payment}).encode()


def signed(
    body: bytes,
    key_id: str = "key-1",
    *,
    secret: str | None = None,
    event_id: str = "evt_1",
    age: float = 0,
    at: float | None = None,
):
    """A webhook that was signed with a secret, some seconds ago, or at that Unix time."""
    sent = _sent(event_id, age)
    sent["x-bank-timestamp"] = sent["x-bank-timestamp"] if at is None else str(int(at))
    digest = hmac.new((secret or SECRETS[key_id]).encode(), _payload(sent, body), hashlib.sha256).hexdigest()
    return Callback({**sent, "x-bank-key-id": key_id, "x-bank-signature": f"v1={digest}"}, body)


def signed_by_bank(body: bytes, key: PrivateKey, kid: str, *, header: Mapping[str, Any] | None = None, age: float = 0):
    """A webhook that the bank has signed for all its customers (JWS)."""
    sent = _sent("evt_1", age)
    algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    head = encoded(json.dumps({"alg": algorithm, "kid": kid, **(header or {})}).encode())
    signature = _signature(key, f"{head}.{encoded(_payload(sent, body))}".encode())
    return Callback({**sent, "x-bank-signature": f"{head}..{encoded(signature)}"}, body)


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def jwk(key: PrivateKey, kid: str, **more: Any) -> dict[str, Any]:
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        own = {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
    else:
        point = key.public_key().public_numbers()
        own = {"kty": "EC", "crv": "P-256", "x": encoded(point.x.to_bytes(32)), "y": encoded(point.y.to_bytes(32))}
    return {"kid": kid, "use": "sig", **own, **more}


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _sent(event_id: str, age: float) -> dict[str, str]:
    return {"x-bank-event-id": event_id, "x-bank-timestamp": str(int(clock.now().timestamp() - age))}


def _payload(sent: Mapping[str, str], body: bytes) -> bytes:
    return f"{sent['x-bank-timestamp']}.{sent['x-bank-event-id']}.".encode() + body


def _signature(key: PrivateKey, message: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), SHA256())
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(SHA256())))
    return r.to_bytes(32) + s.to_bytes(32)


def _number(number: int) -> str:
    return encoded(number.to_bytes((number.bit_length() + 7) // 8))
