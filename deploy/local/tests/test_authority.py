"""Certificates of a stack's own authority, shown over real sockets."""

import asyncio
import ssl
from datetime import timedelta
from pathlib import Path

import pytest

from malipo_local.authority import Authority, Identity


def trusting(authority: Authority, shown: Identity | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.certificate)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    if shown:
        context.load_cert_chain(shown.certificate, shown.key)
    return context


async def name_of_client(authority: Authority, client: ssl.SSLContext, host: str = "localhost") -> str:
    """What a server of the authority takes the client for, who reaches it by this name."""

    async def tell(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ((_, name),) = writer.get_extra_info("peercert")["subject"][0]
        writer.write(f"{name}\n".encode())
        writer.close()

    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.certificate)
    serving.verify_mode = ssl.CERT_REQUIRED
    server = authority.server("server")
    serving.load_cert_chain(server.certificate, server.key)
    async with await asyncio.start_server(tell, "127.0.0.1", 0, ssl=serving) as listening:
        port = listening.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname=host)
        try:
            return (await reader.readuntil()).decode().strip()
        finally:
            writer.close()


async def test_servers_and_clients_of_one_authority_trust_each_other(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tls")
    context = trusting(authority, authority.client("gateway"))
    assert await name_of_client(authority, context) == "gateway"
    assert await name_of_client(authority, context, "127.0.0.1") == "gateway"
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        await name_of_client(authority, context, "elsewhere.example")


async def test_nobody_trusts_another_authority(tmp_path: Path) -> None:
    authority, another = Authority(tmp_path / "one"), Authority(tmp_path / "another")
    with pytest.raises(ssl.SSLCertVerificationError):
        await name_of_client(authority, trusting(another, another.client("gateway")))
    stranger = trusting(authority, another.client("gateway"))
    with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
        await name_of_client(authority, stranger)


def test_what_was_issued_is_kept_until_half_of_its_time_is_over(tmp_path: Path) -> None:
    issued = Authority(tmp_path).server("postgres")
    first = issued.certificate.read_text()
    again = Authority(tmp_path).server("postgres")
    assert again.certificate.read_text() == first
    longer = Authority(tmp_path, life=timedelta(days=90))
    assert longer.server("postgres").certificate.read_text() != first
    context = ssl.create_default_context(cafile=longer.certificate)
    assert context.cert_store_stats()["x509_ca"] == 1


def test_keys_are_their_users_alone(tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    issued = Authority(folder).client("gateway")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (folder / "ca.key", issued.key)} == {0o600}
