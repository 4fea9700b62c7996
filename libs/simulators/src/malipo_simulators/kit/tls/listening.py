"""A port that speaks TLS and asks each client for a certificate, which it may or may not have."""

import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from malipo_simulators.kit.tls.authority import Authority, Identity

# X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which `ssl.VerifyFlags` does not name.
NO_CHECK_TIME = 0x200000


@dataclass(frozen=True, slots=True)
class SecureListener:
    """A socket that listens, and how its connections are made secure."""

    socket: socket.socket
    context: ssl.SSLContext

    @property
    def port(self) -> int:
        return self.socket.getsockname()[1]


def listen_securely(host: str, port: int, context: ssl.SSLContext) -> SecureListener:
    """Port 0 lets the system choose."""
    return SecureListener(socket.create_server((host, port), backlog=2048, reuse_port=False), context)


def server_context(server: Identity, clients: Authority) -> ssl.SSLContext:
    """Clients without a certificate are let in, and so are those whose certificate has ended: the API can tell them so.

    One that another authority has issued ends the handshake.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_identity(context, server)
    context.load_verify_locations(cadata=clients.pem.decode())
    context.verify_mode = ssl.CERT_OPTIONAL
    context.verify_flags |= NO_CHECK_TIME
    return context


def load_identity(context: ssl.SSLContext, identity: Identity) -> None:
    """By way of a file that only we can read, and that is gone again: OpenSSL's keys come from files."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "identity.pem"
        path.touch(mode=0o600)
        path.write_bytes(identity.key_pem + identity.pem)
        context.load_cert_chain(path)
