"""The certificates that notifications are signed with: an authority of our own, and what it issues.

The authority's keys follow from a published word, so its root is always the same: `root.pem` beside this file can be
configured once in a client that reads it at start. They protect nothing. The keys that sign are made anew by each process.
"""

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib.resources import files

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from malipo_simulators.kit.clock import unix_seconds
from malipo_simulators.kit.tls.certificates import builder, named, of_authority, of_leaf

HOST = "messageverificationcerts.sandbox.paypal.com"
OTHER_HOST = "messageverificationcerts.paypal.com.example.com"
PUBLISHED = "malipo simulators: paypal"
ROOT = files(__package__).joinpath("root.pem").read_bytes()
"""What a receiver has to trust, in PEM."""
# Of the authority: fixed, so that its certificates are always the same.
AUTHORITY_BEGINS, AUTHORITY_ENDS = datetime(2020, 1, 1, tzinfo=UTC), datetime(2050, 1, 1, tzinfo=UTC)
VALID = timedelta(days=365)
SKEW = timedelta(days=1)
RSA_BITS = 2_048
# More than any process rotates in a test.
MOST_KEYS = 64


@dataclass(frozen=True, slots=True)
class Certificate:
    """One that signs: `name` is the last part of its URL, `pem` itself and the intermediate that issued it."""

    name: str
    pem: bytes
    key: rsa.RSAPrivateKey

    def sign(self, message: bytes) -> str:
        """SHA256withRSA, in base64."""
        return base64.b64encode(self.key.sign(message, padding.PKCS1v15(), hashes.SHA256())).decode()

    def has_signed(self, message: bytes, signature: str) -> bool:
        """RSA with this padding signs the same message always alike."""
        return self.sign(message) == signature


class Authority:
    """A root, and an intermediate that issues all that signs. Another word makes another one, of the same names."""

    def __init__(self, word: str = PUBLISHED) -> None:
        self._word = word
        self._root_key, self._key = derived_key(word, "root"), derived_key(word, "intermediate")
        self._root_name, self._name = called("Simulated Root CA"), called("Simulated Intermediate CA")
        self._root = self._of_authority(self._root_name, self._root_key, None)
        self._intermediate = self._of_authority(self._name, self._key, 0)

    @property
    def root_pem(self) -> bytes:
        return self._root.public_bytes(serialization.Encoding.PEM)

    def issue(self, key: rsa.RSAPrivateKey, *, host: str = HOST, ended: bool = False) -> Certificate:
        """Valid for a year from yesterday; `ended`: for a year until yesterday."""
        now = datetime.fromtimestamp(unix_seconds(), UTC)
        begins = now - SKEW - (VALID if ended else timedelta())
        unfinished = builder(called(host), self._name, key.public_key(), begins, begins + VALID)
        leaf = (
            of_leaf(unfinished, self._key.public_key(), ExtendedKeyUsageOID.SERVER_AUTH)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        chain = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in (leaf, self._intermediate))
        return Certificate(name_of(leaf), chain, key)

    def _of_authority(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, path_length: int | None
    ) -> x509.Certificate:
        unfinished = builder(name, self._root_name, key.public_key(), AUTHORITY_BEGINS, AUTHORITY_ENDS)
        numbered = unfinished.serial_number(number_of(self._word, name.rfc4514_string()) >> 100)
        finished = of_authority(numbered, key.public_key(), self._root_key.public_key(), path_length=path_length)
        return finished.sign(self._root_key, hashes.SHA256(), ecdsa_deterministic=True)


def called(common_name: str) -> x509.Name:
    return named("PayPal simulator", common_name)


def number_of(word: str, what: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{word}/{what}".encode()).digest(), "big")


def derived_key(word: str, what: str) -> ec.EllipticCurvePrivateKey:
    """Shifted to be below the order of the curve, whatever the digest."""
    return ec.derive_private_key((number_of(word, what) >> 8) + 1, ec.SECP256R1())


def name_of(certificate: x509.Certificate) -> str:
    """As PayPal's look: CERT-360caa42-fca2a594-1d93a270."""
    digest = certificate.fingerprint(hashes.SHA256()).hex()
    return f"CERT-{digest[:8]}-{digest[8:16]}-{digest[16:24]}"


@lru_cache(maxsize=MOST_KEYS)
def signing_key(seed: str, which: str) -> rsa.RSAPrivateKey:
    """One for each use, made once in a process: it takes a tenth of a second."""
    del seed, which
    return rsa.generate_private_key(public_exponent=65_537, key_size=RSA_BITS)
