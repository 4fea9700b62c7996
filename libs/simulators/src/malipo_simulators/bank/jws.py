"""Detached JSON Web Signatures (RFC 7515, appendix F) by RS256 and ES256 (RFC 7518), and keys as JWK (RFC 7517)."""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.tls.certificates import PrivateKey, PublicKey

RSA_BITS = 2_048
# Of a number of the curve P-256.
EC_BYTES = 32
PARTS = 3


class Algorithm(StrEnum):
    """Each has its kind of key: RSA, and the curve P-256."""

    RS256 = "RS256"
    ES256 = "ES256"


class Malformed(Exception):
    """It is no detached signature; the message says why, and is for whoever made it."""


@dataclass(frozen=True, slots=True)
class Detached:
    """A signature that was read, and verifies nothing yet."""

    algorithm: Algorithm
    key_id: str
    header: str
    signature: bytes

    def is_of(self, payload: bytes, key: PublicKey) -> bool:
        """Whether this key has signed it, by the algorithm that it is for."""
        if self.algorithm is not algorithm_of(key):
            return False
        try:
            verify(key, self.signature, signing_input(self.header, payload))
        except (InvalidSignature, ValueError):
            return False
        return True


def new_key(algorithm: Algorithm) -> PrivateKey:
    if algorithm is Algorithm.ES256:
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65_537, key_size=RSA_BITS)


def algorithm_of(key: PublicKey) -> Algorithm:
    return Algorithm.RS256 if isinstance(key, rsa.RSAPublicKey) else Algorithm.ES256


def sign(payload: bytes, key: PrivateKey, key_id: str) -> str:
    """`header..signature`, by the algorithm of the key."""
    header = encode(compact({"alg": algorithm_of(key.public_key()), "kid": key_id}))
    message = signing_input(header, payload)
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    else:
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(EC_BYTES) + s.to_bytes(EC_BYTES)
    return f"{header}..{encode(signature)}"


def verify(key: PublicKey, signature: bytes, message: bytes) -> None:
    """Raise InvalidSignature, or ValueError for one of no possible length."""
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        return
    if len(signature) != 2 * EC_BYTES:
        raise ValueError(len(signature))
    r, s = int.from_bytes(signature[:EC_BYTES]), int.from_bytes(signature[EC_BYTES:])
    key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))


def read(text: str) -> Detached:
    """Raise Malformed."""
    parts = text.split(".")
    if len(parts) != PARTS or parts[1]:
        raise Malformed("It has to be header..signature, with nothing in between.")
    header = read_header(parts[0])
    if "crit" in header:
        raise Malformed("Extensions (crit) are not supported.")
    algorithm, key_id = header.get("alg"), header.get("kid")
    if algorithm not in list(Algorithm):
        raise Malformed(f"Its alg has to be one of {', '.join(Algorithm)}.")
    if not isinstance(key_id, str) or not key_id:
        raise Malformed("It has no kid.")
    return Detached(Algorithm(str(algorithm)), key_id, parts[0], decode(parts[2]))


def read_header(text: str) -> Json:
    try:
        header: object = json.loads(decode(text))
    except (ValueError, RecursionError) as error:
        raise Malformed("Its header is no JSON.") from error
    if not isinstance(header, dict):
        raise Malformed("Its header is no object.")
    return cast("Json", header)


def signing_input(header: str, payload: bytes) -> bytes:
    return f"{header}.{encode(payload)}".encode()


def public_jwk(key: PublicKey) -> Json:
    """What a key set (JWKS) has of it; its id is its thumbprint (RFC 7638)."""
    members = members_of(key)
    return {**members, "kid": thumbprint(members), "alg": algorithm_of(key), "use": "sig"}


def members_of(key: PublicKey) -> dict[str, str]:
    """What the key is, in the order of the members' names."""
    if isinstance(key, rsa.RSAPublicKey):
        public = key.public_numbers()
        return {"e": encode(shortest(public.e)), "kty": "RSA", "n": encode(shortest(public.n))}
    point = key.public_numbers()
    x, y = (encode(number.to_bytes(EC_BYTES)) for number in (point.x, point.y))
    return {"crv": "P-256", "kty": "EC", "x": x, "y": y}


def shortest(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8)


def thumbprint(members: dict[str, str]) -> str:
    return encode(hashlib.sha256(compact(members)).digest())


def compact(body: object) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def encode(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Raise Malformed for anything but base64url without padding."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed("It is not base64url.") from error
