"""A certificate authority that is made at start: it issues what servers and clients show each other."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from malipo_simulators.kit.clock import unix_seconds
from malipo_simulators.kit.tls.certificates import PrivateKey, builder, named, of_authority, of_leaf

YEAR_SECONDS = 365 * 86_400
AUTHORITY_YEARS = 10
# Of clocks that are not quite alike.
SKEW = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: PrivateKey = field(repr=False)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """PKCS #8, not encrypted."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


class Authority:
    """Its key is made anew with each, and never leaves it: who is to trust it has to be given `pem`."""

    def __init__(self, organization: str) -> None:
        self._organization = organization
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = self._of_itself()

    @property
    def pem(self) -> bytes:
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def issue_server(self, names: Iterable[str]) -> Identity:
        """For a year, for host names and IP addresses."""
        known = [general_name(name) for name in names]
        key = ec.generate_private_key(ec.SECP256R1())
        unfinished = self._leaf("server", key, YEAR_SECONDS, ExtendedKeyUsageOID.SERVER_AUTH)
        return self._sign(unfinished.add_extension(x509.SubjectAlternativeName(known), critical=False), key)

    def issue_client(self, name: str, key: PrivateKey, *, valid_seconds: int = YEAR_SECONDS) -> Identity:
        """For the client of this name. One that is valid for less than no time has expired already."""
        return self._sign(self._leaf(name, key, valid_seconds, ExtendedKeyUsageOID.CLIENT_AUTH), key)

    def _leaf(
        self, name: str, key: PrivateKey, valid_seconds: int, purpose: x509.ObjectIdentifier
    ) -> x509.CertificateBuilder:
        ends = now() + timedelta(seconds=valid_seconds)
        begins = min(now(), ends) - SKEW
        subject = named(self._organization, name)
        unfinished = builder(subject, self._certificate.subject, key.public_key(), begins, ends)
        return of_leaf(unfinished, self._key.public_key(), purpose)

    def _sign(self, unfinished: x509.CertificateBuilder, key: PrivateKey) -> Identity:
        return Identity(unfinished.sign(self._key, hashes.SHA256()), key)

    def _of_itself(self) -> x509.Certificate:
        name, key = named(self._organization, "Simulated Root CA"), self._key.public_key()
        begins = now() - SKEW
        unfinished = builder(name, name, key, begins, begins + timedelta(seconds=AUTHORITY_YEARS * YEAR_SECONDS))
        numbered = unfinished.serial_number(x509.random_serial_number())
        return of_authority(numbered, key, key, path_length=0).sign(self._key, hashes.SHA256())


def now() -> datetime:
    """Real time: TLS knows no other."""
    return datetime.fromtimestamp(unix_seconds(), UTC)


def general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
