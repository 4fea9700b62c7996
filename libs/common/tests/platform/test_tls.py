"""Certificates that are exchanged while a client runs, shown over real sockets."""

import asyncio
import shutil
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from malipo.platform.tls import BadFiles, RenewedContext, TlsFiles
from malipo_local.authority import Authority, Identity


@asynccontextmanager
async def server(authority: Authority) -> AsyncGenerator[int]:
    """Tells each client what its certificate calls it."""

    async def tell(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ((_, name),) = writer.get_extra_info("peercert")["subject"][0]
        writer.write(f"{name}\n".encode())
        writer.close()

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    shown = authority.server("server")
    context.load_cert_chain(shown.certificate, shown.key)
    async with await asyncio.start_server(tell, "127.0.0.1", 0, ssl=context) as listening:
        yield listening.sockets[0].getsockname()[1]


async def called(port: int, context: ssl.SSLContext) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        return (await reader.readuntil()).decode().strip()
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.fixture
def files(tmp_path) -> TlsFiles:
    return TlsFiles(tmp_path / "ca.pem", tmp_path / "tls.crt", tmp_path / "tls.key")


def put(files: TlsFiles, authority: Authority, shown: Identity) -> None:
    shutil.copy(authority.certificate, files.authorities)
    shutil.copy(shown.certificate, files.certificate)
    shutil.copy(shown.key, files.key)


async def test_a_new_certificate_is_shown_by_the_next_connection_and_half_a_new_one_is_passed_over(tmp_path, files):
    authority = Authority(tmp_path / "tls")
    before, after = authority.client("before"), authority.client("after")
    put(files, authority, before)
    context = RenewedContext.of(files)
    async with server(authority) as port:
        assert await called(port, context) == "before"
        shutil.copy(after.certificate, files.certificate)
        with capture_logs() as lines:
            assert await called(port, context) == "before"
        assert [line["event"] for line in lines] == ["certificates not renewed"]
        shutil.copy(after.key, files.key)
        assert await called(port, context) == "after"


async def test_an_authority_that_was_taken_out_is_believed_no_longer(tmp_path, files):
    authority, another = Authority(tmp_path / "one"), Authority(tmp_path / "another")
    put(files, authority, authority.client("gateway"))
    context = RenewedContext.of(files)
    async with server(authority) as port:
        assert await called(port, context) == "gateway"
        shutil.copy(another.certificate, files.authorities)
        with pytest.raises(ssl.SSLCertVerificationError):
            await called(port, context)


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_its_password(tmp_path):
    from cryptography.hazmat.primitives import serialization

    shown = Authority(tmp_path / "tls").client("gateway")
    key = serialization.load_pem_private_key(shown.key.read_bytes(), None)
    encrypted = tmp_path / "encrypted.key"
    encrypted.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"a-secret"),
        )
    )
    with pytest.raises(BadFiles, match="not encrypted"):
        TlsFiles(None, shown.certificate, encrypted).context()


@pytest.mark.parametrize("folder", ["certificate", "key"])
def test_a_folder_in_place_of_a_file_is_named(tmp_path, folder):
    shown = Authority(tmp_path / "tls").client("gateway")
    (tmp_path / folder).mkdir()
    files = {"certificate": shown.certificate, "key": shown.key} | {folder: tmp_path / folder}
    with pytest.raises(BadFiles, match=f"^{tmp_path / folder} cannot be read: Is a directory$"):
        TlsFiles(None, **files).context()
