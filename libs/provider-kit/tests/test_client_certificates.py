"""Accounts with certificates of their own, at a real server that asks every client for one."""

import asyncio
import ssl
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

import aiohttp
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from structlog.testing import capture_logs

from malipo import clock
from malipo.platform.client import http_client, never_sent
from provider_kit.clients import AccountClients
from provider_kit.errors import Misconfigured

PEM = serialization.Encoding.PEM


class Authority:
    """Signs certificates, which it leaves with their keys as files in `folder`."""

    def __init__(self, folder) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign("authority", self.key, is_authority=True)
        self.file = folder / "authority.pem"
        self.file.write_bytes(self.certificate.public_bytes(PEM))

    def issue(self, name: str):
        key = ec.generate_private_key(ec.SECP256R1())
        form = (PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        file = self.folder / f"{name}.pem"
        file.write_bytes(key.private_bytes(*form) + self._sign(name, key).public_bytes(PEM))
        return file

    def _sign(self, name: str, key, *, is_authority: bool = False) -> x509.Certificate:
        subject, issuer = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (name, "authority"))
        authority = x509.SubjectKeyIdentifier.from_public_key(self.key.public_key())
        builder = (
            x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(clock.now() - timedelta(days=1))
            .not_valid_after(clock.now() + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        if is_authority:
            signs = dict.fromkeys(("digital_signature", "key_cert_sign", "crl_sign"), True)
            others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
            usage = x509.KeyUsage(**signs, **dict.fromkeys((*others, "encipher_only", "decipher_only"), False))
            builder = builder.add_extension(usage, critical=True)
        return builder.sign(self.key, hashes.SHA256())


@asynccontextmanager
async def bank(authority: Authority):
    """The address of a server that answers with the name in the client's certificate."""

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        ((_, name),) = writer.get_extra_info("peercert")["subject"][0]
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(name), name.encode()))
        await writer.drain()
        writer.close()

    demands = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.file)
    demands.verify_mode = ssl.CERT_REQUIRED
    demands.load_cert_chain(authority.issue("bank"))
    server = await asyncio.start_server(respond, "127.0.0.1", 0, ssl=demands)
    async with server:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}"


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority(tmp_path)


def client(authority: Authority, address: str, certificate=None):
    context = ssl.create_default_context(cafile=authority.file)
    if certificate:
        context.load_cert_chain(certificate)
    return http_client(timeout_seconds=5, base_url=address, connector=lambda: aiohttp.TCPConnector(ssl=context))


async def test_each_account_presents_its_own_certificate_and_a_renewed_one_without_a_restart(authority):
    clients = AccountClients()

    async def presented(account: str, name: str) -> str:
        async with clients.of(account, partial(client, authority, address, authority.issue(name))) as http:
            return (await http.get("/")).text

    async with bank(authority) as address:
        assert await asyncio.gather(presented("a", "shop"), presented("b", "cafe")) == ["shop", "cafe"]
        assert await presented("a, renewed", "shop 2027") == "shop 2027"
        await clients.aclose()


async def test_a_server_that_misses_a_certificate_only_hangs_up_which_is_no_proof_that_nothing_was_sent(authority):
    async with bank(authority) as address, client(authority, address) as http:
        with capture_logs() as events, pytest.raises(httpx.HTTPError) as refused:
            await http.get("/")
    assert not never_sent(refused.value)
    assert "PRIVATE KEY" not in f"{events} {refused.value!r} {refused.value.__cause__!r}"


async def test_so_an_account_without_a_certificate_is_refused_by_who_makes_its_client_before_anything_is_sent(
    authority,
):
    clients, bad = AccountClients(), authority.folder / "bad.pem"
    bad.write_bytes(authority.issue("shop").read_bytes().replace(b"M", b"N"))

    def make():
        try:
            return client(authority, "https://localhost", bad)
        except ssl.SSLError:
            raise Misconfigured("the client certificate cannot be read") from None

    with pytest.raises(Misconfigured, match="certificate") as refused:
        async with clients.of("shop", make):
            pass
    assert "PRIVATE KEY" not in repr(refused.value)
    async with bank(authority) as address:
        async with clients.of("shop", partial(client, authority, address, authority.issue("shop"))) as http:
            assert (await http.get("/")).text == "shop"
        await clients.aclose()
