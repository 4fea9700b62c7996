"""Who is at the other end of a secure connection, told to apps by ASGI's own extension `tls`.

See https://asgi.readthedocs.io/en/latest/specs/tls.html; uvicorn does not have it yet.
"""

import asyncio
import ssl

from cryptography import x509
from starlette.types import Scope

from malipo_simulators.kit.shapes import Json

EXTENSION = "tls"
VERSIONS = {"TLSv1.2": 0x0303, "TLSv1.3": 0x0304}


def describe_tls(transport: asyncio.BaseTransport) -> Json | None:
    """The extension of a connection, once its handshake is over; None for one in the clear."""
    secure: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    if secure is None:
        return None
    shown = secure.getpeercert(binary_form=True)
    certificate = x509.load_der_x509_certificate(shown) if shown else None
    return {
        "server_cert": None,
        "client_cert_chain": [ssl.DER_cert_to_PEM_cert(shown)] if shown else [],
        "client_cert_name": certificate.subject.rfc4514_string() if certificate else None,
        "client_cert_error": None,
        "tls_version": VERSIONS.get(secure.version() or ""),
        "cipher_suite": None,
    }


def client_certificate(scope: Scope) -> x509.Certificate | None:
    """What the client has shown. Its authority is one that the server trusts, but it may have ended."""
    chain: list[str] = scope.get("extensions", {}).get(EXTENSION, {}).get("client_cert_chain", [])
    return x509.load_pem_x509_certificate(chain[0].encode()) if chain else None
