"""What authenticates a request to the bank: an access token's client, a key, or a detached signature (JWS). Pure.

Facts: RFC 6749, 2.3.1; RFC 7515, appendix F; RFC 7518, 3.3 and 3.4; docs/providers/bank.md.
"""

import base64
import hashlib
from collections.abc import Mapping
from urllib.parse import quote_plus

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from provider_bank.account import OAuth
from provider_bank.certificates import ClientCertificate

_COORDINATE_BYTES = 32  # of a signature of P-256


def basic(client: OAuth) -> str:
    """The header by which a client asks for an access token."""
    pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def signed(
    certificate: ClientCertificate, method: str, target: str, body: bytes, unix_seconds: int
) -> Mapping[str, str]:
    """The headers that sign a request, as of this time: `target` is its path with the query."""
    payload = f"{method}|{target}|{unix_seconds}|{hashlib.sha256(body).hexdigest()}".encode()
    return {"X-Request-Timestamp": str(unix_seconds), "X-Request-Signature": detached(certificate, payload)}


def detached(certificate: ClientCertificate, payload: bytes) -> str:
    """A JWS of the payload, without it."""
    key = certificate.private_key
    algorithm = "RS256" if isinstance(key, RSAPrivateKey) else "ES256"
    header = _encoded(msgspec.json.encode({"alg": algorithm, "kid": certificate.key_id}))
    return f"{header}..{_encoded(_signature(key, f'{header}.{_encoded(payload)}'.encode()))}"


def _signature(key: RSAPrivateKey | EllipticCurvePrivateKey, data: bytes) -> bytes:
    if isinstance(key, RSAPrivateKey):
        return key.sign(data, PKCS1v15(), SHA256())
    r, s = decode_dss_signature(key.sign(data, ECDSA(SHA256())))
    return r.to_bytes(_COORDINATE_BYTES, "big") + s.to_bytes(_COORDINATE_BYTES, "big")


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
