"""Client certificates and their keys, as a bank gives them."""

from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from malipo import clock
from provider_bank.account import Certificate

_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop")])


def given(
    key: Any, key_id: str = "kid-1", *, not_before: datetime | None = None, not_after: datetime | None = None
) -> Certificate:
    """A certificate of this key, valid for a day unless told otherwise."""
    begin = not_before or clock.now() - timedelta(days=2)
    builder = (
        x509.CertificateBuilder(_NAME, _NAME, key.public_key(), x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(not_after or clock.now() + timedelta(days=1))
    )
    signed = builder.sign(key, None if isinstance(key, Ed25519PrivateKey) else SHA256())
    return Certificate(signed.public_bytes(Encoding.PEM).decode(), pem_of_key(key), key_id)


def pem_of_key(key: Any, encryption: KeySerializationEncryption | None = None) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()).decode()
