"""Client certificates of accounts: read and checked before anything is sent with them, and handed to TLS."""

import asyncio
import hashlib
import ssl
import tempfile
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from malipo import clock, ids
from malipo.platform.recent import Recent
from provider_bank.account import Certificate
from provider_kit.errors import Misconfigured

_KEPT_SECONDS, _MOST_KEPT = 60.0, 500  # a key of RSA takes tens of milliseconds to check
_RSA_BITS = 2048
_AGAIN = "PUT the credentials with a new one."


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate with its key, which fits; `key_id` is the bank's name of the key. `name` tells it from any other."""

    certificate: x509.Certificate
    private_key: RSAPrivateKey | EllipticCurvePrivateKey = field(repr=False)
    key_id: str
    chain: bytes = field(repr=False)
    name: str

    def require_valid(self, now: datetime) -> None:
        """Raise `Misconfigured` unless it is valid now."""
        if now < self.certificate.not_valid_before_utc:
            msg = f"The client certificate is not valid before {self.certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC."
            raise Misconfigured(msg)
        if now >= self.certificate.not_valid_after_utc:
            msg = f"The client certificate expired on {self.certificate.not_valid_after_utc:%Y-%m-%d}: {_AGAIN}"
            raise Misconfigured(msg)

    def add_to(self, context: ssl.SSLContext) -> None:
        """Have TLS present it. Raises `Misconfigured`.

        Python's TLS reads files alone: the key is in one for that moment, encrypted under a password that nobody else has.
        """
        password = ids.random_bytes(32).hex().encode()
        key = self.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password))
        with tempfile.NamedTemporaryFile() as file:
            file.write(key + b"\n" + self.chain)
            file.flush()
            try:
                context.load_cert_chain(file.name, password=password)
            except ssl.SSLError as error:
                msg = f"The client certificate cannot be used for TLS ({error.reason}): {_AGAIN}"
                raise Misconfigured(msg) from None


class Certificates:
    """Reads the certificates of accounts, each once a minute while it is used."""

    def __init__(self) -> None:
        self._read = Recent[str, ClientCertificate](seconds=_KEPT_SECONDS, most=_MOST_KEPT)

    async def of(self, given: Certificate) -> ClientCertificate:
        """The certificate, valid now. Raises `Misconfigured` with what is wrong."""
        name = hashlib.sha256(f"{given.key_id}\n{given.certificate}\n{given.private_key}".encode()).hexdigest()
        found = await self._read.find(
            name, lambda: asyncio.to_thread(read_certificate, given, name), suits=lambda _: True
        )
        found.require_valid(clock.now())
        return found


def read_certificate(given: Certificate, name: str = "") -> ClientCertificate:
    """The certificate and its key, if they fit. Raises `Misconfigured` with what is wrong, and without the key."""
    certificate, private_key = leaf(given.certificate), _private_key(given.private_key)
    if certificate.public_key() != private_key.public_key():
        msg = f"The private key is not the client certificate's: {_AGAIN}"
        raise Misconfigured(msg)
    return ClientCertificate(certificate, private_key, given.key_id, given.certificate.encode(), name)


def leaf(pem: str) -> x509.Certificate:
    """The client's own certificate, which is the first. Raises `Misconfigured`."""
    try:
        return x509.load_pem_x509_certificates(pem.encode())[0]
    except ValueError:
        msg = f"The client certificate is none in PEM: {_AGAIN}"
        raise Misconfigured(msg) from None


def _private_key(pem: str) -> RSAPrivateKey | EllipticCurvePrivateKey:
    try:
        found = load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        raise Misconfigured("The private key has a password: PUT the credentials with the key without one.") from None
    except (ValueError, UnsupportedAlgorithm):
        raise Misconfigured("The private key is none in PEM: PUT the credentials with the key.") from None
    if isinstance(found, RSAPrivateKey) and found.key_size >= _RSA_BITS:
        return found
    if isinstance(found, EllipticCurvePrivateKey) and isinstance(found.curve, SECP256R1):
        return found
    msg = f"The private key has to be of RSA with {_RSA_BITS} bits or more, or of the curve P-256: {_AGAIN}"
    raise Misconfigured(msg)
