"""A certificate authority in a folder: it issues what servers and clients of one stack show each other.

Its key is made with the folder and never leaves it. Keys are P-256, and certificates live for a month: a start that finds one
with less than half of that left issues it anew.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from malipo import clock
from malipo_local.private import write_private

LOOPBACK = ("localhost", "127.0.0.1")
LIFE = timedelta(days=30)
_OWN = "ca"
_SKEW = timedelta(hours=1)  # of clocks that are not quite alike


def trusted(folder: Path) -> Path:
    """The file (PEM) that whoever is to trust the authority of this folder is given."""
    return folder / f"{_OWN}.pem"


@dataclass(frozen=True, slots=True)
class Identity:
    """The files (PEM) of a certificate and of its private key, which is PKCS #8 and not encrypted."""

    certificate: Path
    key: Path


class Authority:
    """Who vouches for everybody of one stack. One process at a time issues in a folder."""

    def __init__(self, folder: Path, *, life: timedelta = LIFE) -> None:
        """Make the folder, which only this user may read, and the authority in it; or go on with those that are there."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._life = life
        self._own = self._identity(_OWN)
        if not self._is_fresh(self._own):
            for signed in folder.glob("*.pem"):  # by a key that is about to be replaced
                signed.unlink()
            self._write(self._own, *self._root())

    @property
    def certificate(self) -> Path:
        """What whoever is to trust this authority is given, in PEM."""
        return self._own.certificate

    def server(self, name: str, hosts: Iterable[str] = LOOPBACK) -> Identity:
        """Of a server that is reached by these host names and addresses."""
        names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
        return self._issue(name, ExtendedKeyUsageOID.SERVER_AUTH, names)

    def client(self, name: str) -> Identity:
        """Of a client, whose common name is `name`."""
        return self._issue(name, ExtendedKeyUsageOID.CLIENT_AUTH)

    def _issue(self, name: str, purpose: x509.ObjectIdentifier, *more: x509.ExtensionType) -> Identity:
        identity = self._identity(name)
        if not self._is_fresh(identity):
            self._write(identity, *self._leaf(name, x509.ExtendedKeyUsage([purpose]), *more))
        return identity

    def _root(self) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _named("Authority of one Malipo stack")
        unfinished = self._unfinished(name, name, key.public_key(), is_authority=True)
        return key, _sign(unfinished, key)

    def _leaf(self, name: str, *more: x509.ExtensionType) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        authority = x509.load_pem_x509_certificate(self._own.certificate.read_bytes())
        authority_key = cast("ec.EllipticCurvePrivateKey", load_pem_private_key(self._own.key.read_bytes(), None))
        key = ec.generate_private_key(ec.SECP256R1())
        unfinished = self._unfinished(_named(name), authority.subject, key.public_key(), is_authority=False)
        for extension in more:
            unfinished = unfinished.add_extension(extension, critical=False)
        return key, _sign(unfinished, authority_key)

    def _unfinished(
        self, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, *, is_authority: bool
    ) -> x509.CertificateBuilder:
        now = clock.now()
        return (
            x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number(), now - _SKEW, now + self._life)
            .add_extension(x509.BasicConstraints(is_authority, 0 if is_authority else None), critical=True)
            .add_extension(_usage(signs_certificates=is_authority), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )

    def _identity(self, name: str) -> Identity:
        return Identity(self._folder / f"{name}.pem", self._folder / f"{name}.key")

    def _is_fresh(self, identity: Identity) -> bool:
        if not identity.certificate.exists():
            return False
        ends = x509.load_pem_x509_certificate(identity.certificate.read_bytes()).not_valid_after_utc
        return ends - clock.now() > self._life / 2

    @staticmethod
    def _write(identity: Identity, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        """The certificate last: without it the key counts for nothing."""
        identity.certificate.unlink(missing_ok=True)
        write_private(identity.key, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        identity.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))


def _sign(unfinished: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    return unfinished.add_extension(authority, critical=False).sign(key, hashes.SHA256())


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
