"""Judges requests of partners with a client certificate: each signs method, path, time and body with the certificate's key."""

import hashlib
import re
from collections.abc import Container
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from starlette.requests import Request

from malipo_simulators.bank import jws
from malipo_simulators.kit.clock import unix_seconds
from malipo_simulators.kit.tls.peer import client_certificate

TIMESTAMP, SIGNATURE = "X-Request-Timestamp", "X-Request-Signature"
WINDOW_SECONDS = 300
UNIX_SECONDS = re.compile("[0-9]{1,12}")


class Distrust(StrEnum):
    """Why a request is not believed to be the partner's; all are answered 401."""

    CERTIFICATE_REQUIRED = "certificate_required"
    CERTIFICATE_EXPIRED = "certificate_expired"
    CERTIFICATE_REVOKED = "certificate_revoked"
    SIGNATURE_MISSING = "signature_missing"
    SIGNATURE_INVALID = "signature_invalid"
    TIMESTAMP_OUT_OF_RANGE = "timestamp_out_of_range"


class Distrusted(Exception):
    """`detail` says what was wrong, for whoever writes a client."""

    def __init__(self, code: Distrust, detail: str) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Partner:
    """Whom a certificate is for: `name` is its subject's common name, `key_id` its serial number in hexadecimal digits."""

    name: str
    key_id: str
    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey


def claims_to_be_partner(incoming: Request) -> bool:
    """Whether it has a client's certificate, or a signature that would need one."""
    return SIGNATURE in incoming.headers or client_certificate(incoming.scope) is not None


def partner_of(incoming: Request, body: bytes, revoked: Container[str]) -> Partner:
    """Who has sent it, by certificate and signature. `revoked` are the ids of keys. Raise Distrusted."""
    partner = shown(incoming, revoked)
    timestamp = in_time(header(incoming, TIMESTAMP))
    check_signature(header(incoming, SIGNATURE), signed_payload(incoming, timestamp, body), partner)
    return partner


def shown(incoming: Request, revoked: Container[str]) -> Partner:
    """Whose certificate the connection has."""
    certificate = client_certificate(incoming.scope)
    if certificate is None:
        raise Distrusted(
            Distrust.CERTIFICATE_REQUIRED, "Connect with TLS, and show the certificate that you were given."
        )
    if certificate.not_valid_after_utc <= datetime.fromtimestamp(unix_seconds(), UTC):
        ended = certificate.not_valid_after_utc.isoformat()
        raise Distrusted(Distrust.CERTIFICATE_EXPIRED, f"The certificate of this connection has ended: {ended}.")
    partner = whose(certificate)
    if partner.key_id in revoked:
        raise Distrusted(Distrust.CERTIFICATE_REVOKED, f"The certificate of key {partner.key_id} was revoked.")
    return partner


def whose(certificate: x509.Certificate) -> Partner:
    """Of one that our own authority has issued."""
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise TypeError(type(key))
    name = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    return Partner(str(name), key_id_of(certificate), key)


def key_id_of(certificate: x509.Certificate) -> str:
    return f"{certificate.serial_number:x}"


def header(incoming: Request, name: str) -> str:
    value = incoming.headers.get(name)
    if not value:
        raise Distrusted(Distrust.SIGNATURE_MISSING, f"A request with a client certificate needs {name}.")
    return value


def in_time(timestamp: str) -> str:
    """As it was sent. By real time, whatever the simulator's clock says."""
    now = unix_seconds()
    if not UNIX_SECONDS.fullmatch(timestamp) or abs(now - int(timestamp)) > WINDOW_SECONDS:
        why = f"{TIMESTAMP} has to be in Unix seconds, at most {WINDOW_SECONDS} from now, {now}."
        raise Distrusted(Distrust.TIMESTAMP_OUT_OF_RANGE, why)
    return timestamp


def signed_payload(incoming: Request, timestamp: str, body: bytes) -> bytes:
    """`METHOD|path?query|timestamp|hex sha256(body)`, the path as it was sent."""
    query: bytes = incoming.scope["query_string"]
    path: bytes = incoming.scope["raw_path"] + (b"?" + query if query else b"")
    return b"|".join((incoming.method.encode(), path, timestamp.encode(), hashlib.sha256(body).hexdigest().encode()))


def check_signature(text: str, payload: bytes, partner: Partner) -> None:
    try:
        signature = jws.read(text)
    except jws.Malformed as error:
        raise Distrusted(Distrust.SIGNATURE_INVALID, f"{SIGNATURE}: {error}") from error
    if signature.key_id != partner.key_id:
        why = f"Its kid is {signature.key_id}, and the certificate of this connection is that of {partner.key_id}."
        raise Distrusted(Distrust.SIGNATURE_INVALID, why)
    if not signature.is_of(payload, partner.key):
        why = f"The certificate's key has not signed {payload.decode(errors='replace')} by {signature.algorithm}."
        raise Distrusted(Distrust.SIGNATURE_INVALID, why)
