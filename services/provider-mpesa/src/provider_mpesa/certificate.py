"""Safaricom's public certificates, under which an initiator's password is encrypted for each request that carries it."""

import base64
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

_PEM = b"-----BEGIN CERTIFICATE-----"


def read_certificate(path: Path) -> RSAPublicKey:
    """The key of a certificate, as PEM or DER. Raises `ValueError` or `OSError`."""
    content = path.read_bytes()
    load = x509.load_pem_x509_certificate if _PEM in content else x509.load_der_x509_certificate
    key = load(content).public_key()
    if not isinstance(key, RSAPublicKey):
        msg = "its key is no RSA key"
        raise ValueError(msg)  # noqa: TRY004 - the file is wrong, no type of ours
    return key


def encrypted(key: RSAPublicKey, password: str) -> str:
    """The password as a `SecurityCredential`: RSA with PKCS #1 v1.5, Base64. Raises `ValueError` for one that is too long."""
    return base64.b64encode(key.encrypt(password.encode(), PKCS1v15())).decode()
