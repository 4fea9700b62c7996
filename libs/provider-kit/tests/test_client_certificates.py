"""Accounts with certificates of their own, at a real server that asks every client for one."""

import asyncio
import ssl
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import aiohttp
import httpx
import pytest
from structlog.testing import capture_logs

from malipo.platform.client import http_client, never_sent
from malipo_local.authority import Authority, Identity
from provider_kit.clients import AccountClients
from provider_kit.errors import Misconfigured


@asynccontextmanager
async def bank(authority: Authority):
    """The address of a server that answers with the name in the client's certificate."""

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        ((_, name),) = writer.get_extra_info("peercert")["subject"][0]
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(name), name.encode()))
        await writer.drain()
        writer.close()

    demands = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.certificate)
    demands.verify_mode = ssl.CERT_REQUIRED
    shown = authority.server("bank")
    demands.load_cert_chain(shown.certificate, shown.key)
    server = await asyncio.start_server(respond, "127.0.0.1", 0, ssl=demands)
    async with server:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}"


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority(tmp_path)


def client(authority: Authority, address: str, shown: Identity | None = None):
    context = ssl.create_default_context(cafile=authority.certificate)
    if shown:
        context.load_cert_chain(shown.certificate, shown.key)
    return http_client(timeout_seconds=5, base_url=address, connector=lambda: aiohttp.TCPConnector(ssl=context))


async def test_each_account_presents_its_own_certificate_and_a_renewed_one_without_a_restart(authority):
    clients = AccountClients()

    async def presented(account: str, name: str) -> str:
        async with clients.of(account, partial(client, authority, address, authority.client(name))) as http:
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
    authority, tmp_path
):
    clients, good = AccountClients(), authority.client("shop")
    bad = replace(good, certificate=tmp_path / "bad.pem")
    bad.certificate.write_bytes(good.certificate.read_bytes().replace(b"M", b"N"))

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
        async with clients.of("shop", partial(client, authority, address, good)) as http:
            assert (await http.get("/")).text == "shop"
        await clients.aclose()
