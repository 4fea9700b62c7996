"""A chain of certificates as PayPal has one, and webhooks that are signed with it."""

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from malipo import clock
from malipo.contracts.commands import Mode
from provider_kit.provider import Callback

SANDBOX, LIVE = "messageverificationcerts.sandbox.paypal.com", "messageverificationcerts.paypal.com"
ORIGIN = "https://api.sandbox.paypal.com"
URL = f"{ORIGIN}/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270"
TRANSMISSION = "69cd13f0-d67a-11e5-baa3-778b53f4ae55"
DAY = timedelta(days=1)


@cache
def private_key(_whose: str) -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


@dataclass
class Authority:
    """Signs certificates. Without `above` it has signed its own."""

    name: str
    above: "Authority | None" = None
    certificate: x509.Certificate = field(init=False)

    def __post_init__(self) -> None:
        self.certificate = (self.above or self).sign(self.name, private_key(self.name), is_authority=True)

    def sign(
        self,
        name: str,
        key: RSAPrivateKey,
        *,
        is_authority: bool = False,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> x509.Certificate:
        own, now = private_key(self.name), clock.now()
        builder = (
            x509.CertificateBuilder()
            .subject_name(_named(name))
            .issuer_name(_named(self.name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(since or now - DAY)
            .not_valid_after(until or now + 30 * DAY)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=is_authority)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(own.public_key()), critical=False)
        )
        return (_for_authority(builder) if is_authority else _for_server(builder, name)).sign(own, SHA256())


@dataclass
class Signer:
    """What PayPal has: an authority of its own, one between, and a certificate by which it signs."""

    name: str = SANDBOX
    root: Authority = field(default_factory=lambda: Authority("Root of tests"))
    between: Authority = field(init=False)

    def __post_init__(self) -> None:
        self.between = Authority("Between", self.root)

    def pem(self, *, whole: bool = True, since: datetime | None = None, until: datetime | None = None) -> bytes:
        """What is at the certificate's address; not `whole`, without the authority between."""
        leaf = self.between.sign(self.name, private_key(self.name), since=since, until=until)
        chain = [leaf, self.between.certificate] if whole else [leaf]
        return b"".join(one.public_bytes(Encoding.PEM) for one in chain)

    def webhook(
        self,
        body: bytes,
        webhook_id: str,
        *,
        url: str = URL,
        age: timedelta = timedelta(),
        mode: Mode = "test",
        **headers: str,
    ) -> Callback:
        """The body, signed; `headers` stand in place of PayPal's."""
        sent = headers_of(body, webhook_id, clock.now() - age, name=self.name) | {"paypal-cert-url": url}
        return Callback(sent | {name.replace("_", "-"): value for name, value in headers.items()}, body, mode=mode)


class PaypalsKey:
    """The key of the sandbox's certificate, wherever it is looked for."""

    async def find(self, url: str, mode: Mode) -> RSAPublicKey:
        return private_key(SANDBOX).public_key()


def signed(event: object, credentials: Mapping[str, Any], signed_at: int) -> Callback:
    """A webhook with this event, signed for the first webhook of the credentials."""
    body = json.dumps(event).encode()
    return Callback(headers_of(body, credentials["webhook_ids"][0], clock.from_unix(signed_at)), body)


def headers_of(body: bytes, webhook_id: str, at: datetime, *, name: str = SANDBOX) -> dict[str, str]:
    """PayPal's headers of a webhook, signed by the key of the certificate of this name."""
    time = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    text = f"{TRANSMISSION}|{time}|{webhook_id}|{zlib.crc32(body)}".encode()
    return {
        "paypal-transmission-id": TRANSMISSION,
        "paypal-transmission-time": time,
        "paypal-transmission-sig": base64.b64encode(private_key(name).sign(text, PKCS1v15(), SHA256())).decode(),
        "paypal-cert-url": URL,
        "paypal-auth-algo": "SHA256withRSA",
    }


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _for_authority(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
    usage = dict.fromkeys(
        (
            *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
            *("encipher_only", "decipher_only"),
        ),
        False,
    )
    return builder.add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), critical=True)


def _for_server(builder: x509.CertificateBuilder, name: str) -> x509.CertificateBuilder:
    return builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False).add_extension(
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
    )
