"""Detached JSON Web Signatures of the bank's (RFC 7515, appendix F), by RS256 and ES256, and its keys as JWK (RFC 7517). Pure."""

import base64
import binascii
from dataclasses import dataclass
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from provider_kit.errors import BadSignature
from provider_kit.reading import Reader

type PublicKey = RSAPublicKey | EllipticCurvePublicKey

_LEAST_RSA_BITS = 2048
_EC_BYTES = 32
_MAX_CHARS = 2000
_PARTS = 3


class _Header(msgspec.Struct, frozen=True):
    alg: Literal["RS256", "ES256"]
    kid: str
    crit: msgspec.UnsetType | object = msgspec.UNSET
    b64: msgspec.UnsetType | object = msgspec.UNSET


class _Jwk(msgspec.Struct, frozen=True):
    kid: str
    kty: Literal["RSA", "EC"]
    use: str = "sig"
    crv: str = ""
    n: str = ""
    e: str = ""
    x: str = ""
    y: str = ""


_HEADERS = Reader[_Header](_Header)


@dataclass(frozen=True, slots=True)
class Detached:
    """A signature that was read, and proves nothing yet. `kid` names the key."""

    algorithm: Literal["RS256", "ES256"]
    kid: str
    header: str
    signature: bytes

    def is_of(self, payload: bytes, key: PublicKey) -> bool:
        """Whether this key has signed the payload, by the algorithm of its kind."""
        signed = f"{self.header}.{_encoded(payload)}".encode()
        try:
            if isinstance(key, RSAPublicKey):
                key.verify(self.signature, signed, PKCS1v15(), SHA256())
            else:
                key.verify(_der(self.signature), signed, ECDSA(SHA256()))
        except (InvalidSignature, ValueError):
            return False
        return self.algorithm == ("RS256" if isinstance(key, RSAPublicKey) else "ES256")


def read(text: str) -> Detached:
    """The signature in `header..signature`. Raises `BadSignature`."""
    parts = text.split(".")
    if len(text) > _MAX_CHARS or len(parts) != _PARTS or parts[1]:
        raise BadSignature("no detached signature")
    try:
        header, signature = _HEADERS.decode(_decoded(parts[0])), _decoded(parts[2])
    except ValueError:
        raise BadSignature("no header of a signature of ours") from None
    if (header.crit, header.b64) != (msgspec.UNSET, msgspec.UNSET):
        raise BadSignature("signed with extensions")
    return Detached(header.alg, header.kid, parts[0], signature)


def key_of(found: object) -> tuple[str, PublicKey] | None:
    """A key of a key set by its id; None for what signs nothing here, or is too weak (RFC 7517, section 5)."""
    try:
        jwk = msgspec.convert(found, _Jwk)
        return None if jwk.use != "sig" else (jwk.kid, _rsa(jwk) if jwk.kty == "RSA" else _ec(jwk))
    except ValueError:
        return None


def _rsa(jwk: _Jwk) -> RSAPublicKey:
    key = RSAPublicNumbers(_number(jwk.e), _number(jwk.n)).public_key()
    if key.key_size < _LEAST_RSA_BITS:
        raise ValueError("a short key")
    return key


def _ec(jwk: _Jwk) -> EllipticCurvePublicKey:
    if jwk.crv != "P-256":
        raise ValueError("another curve")
    return EllipticCurvePublicNumbers(_number(jwk.x), _number(jwk.y), SECP256R1()).public_key()


def _der(signature: bytes) -> bytes:
    if len(signature) != 2 * _EC_BYTES:
        raise ValueError("not two numbers of the curve")
    return encode_dss_signature(int.from_bytes(signature[:_EC_BYTES]), int.from_bytes(signature[_EC_BYTES:]))


def _number(text: str) -> int:
    return int.from_bytes(_decoded(text))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    """Raises `ValueError` for anything but base64url without padding."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise ValueError("not base64url") from None
