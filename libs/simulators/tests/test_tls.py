"""A simulator's port with TLS, over real sockets: who is let in, and what an app learns of its client."""

import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from malipo_simulators.kit.tls.authority import Authority, Identity
from malipo_simulators.kit.tls.listening import listen_securely, load_identity, server_context
from malipo_simulators.kit.tls.peer import client_certificate

pytestmark = pytest.mark.asyncio

KEYS = {
    "elliptic": lambda: ec.generate_private_key(ec.SECP256R1()),
    "RSA": lambda: rsa.generate_private_key(public_exponent=65_537, key_size=2_048),
}


class Echo:
    """An app that answers with the name of its client, and keeps what it was told of the connection."""

    def __init__(self) -> None:
        self.scopes = []

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            return
        self.scopes.append(scope)
        certificate = client_certificate(scope)
        name = certificate.subject.rfc4514_string() if certificate else "nobody"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": name.encode()})


@dataclass
class Bank:
    """One app at two ports."""

    authority: Authority = field(default_factory=lambda: Authority("A bank"))
    app: Echo = field(default_factory=Echo)
    plain: str = ""
    secure: str = ""

    def identity(self, name: str = "shop", key: str = "elliptic", **kwargs) -> Identity:
        return self.authority.issue_client(name, KEYS[key](), **kwargs)

    @asynccontextmanager
    async def client(self, identity: Identity | None = None, *, trusting: Authority | None = None):
        context = ssl.create_default_context(cadata=(trusting or self.authority).pem.decode())
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        if identity:
            load_identity(context, identity)
        async with httpx.AsyncClient(base_url=self.secure, verify=context, trust_env=False) as client:
            yield client

    async def name_of(self, identity: Identity | None = None) -> str:
        async with self.client(identity) as client:
            return (await client.get("/")).text


@pytest.fixture
async def bank(serving):
    bank = Bank()
    names = ("localhost", "127.0.0.1")
    secure = listen_securely("127.0.0.1", 0, server_context(bank.authority.issue_server(names), bank.authority))
    bank.secure = f"https://localhost:{secure.port}"
    async with serving(bank.app, secure) as url:
        bank.plain = url
        yield bank


async def test_a_client_may_come_without_a_certificate_and_is_nobody(bank):
    assert await bank.name_of() == "nobody"


@pytest.mark.parametrize("key", KEYS)
async def test_a_client_is_known_by_its_certificate(bank, key):
    assert await bank.name_of(bank.identity("a shop", key)) == "CN=a shop,O=A bank"


async def test_each_connection_has_its_own_client(bank):
    identities = [bank.identity(name) for name in ("one", "two")]
    async with bank.client(identities[0]) as one, bank.client(identities[1]) as two:
        names = [(await client.get("/")).text for client in (one, two, one, two)]
    assert names == ["CN=one,O=A bank", "CN=two,O=A bank"] * 2


async def test_a_certificate_that_has_ended_is_let_in_for_the_app_to_judge(bank):
    ended = bank.identity(valid_seconds=-1)
    assert await bank.name_of(ended) == "CN=shop,O=A bank"
    assert client_certificate(bank.app.scopes[0]) == ended.certificate


async def test_a_certificate_of_another_authority_ends_the_connection(bank):
    stranger = Authority("A bank").issue_client("shop", KEYS["elliptic"]())
    async with bank.client(stranger) as client:
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError, httpx.WriteError)):
            await client.get("/")
    assert not bank.app.scopes


async def test_a_client_that_trusts_another_authority_does_not_connect(bank):
    async with bank.client(trusting=Authority("A bank")) as client:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await client.get("/")
    assert not bank.app.scopes


async def test_the_servers_certificate_is_for_its_names_alone(bank):
    bank.secure = bank.secure.replace("localhost", "127.0.0.2")
    async with bank.client() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("/")


async def test_the_plain_port_of_the_same_app_has_no_peer(bank):
    async with httpx.AsyncClient(base_url=bank.plain, trust_env=False) as client:
        assert (await client.get("/")).text == "nobody"
    assert await bank.name_of() == "nobody"
    assert ["tls" in scope["extensions"] for scope in bank.app.scopes] == [False, True]
    assert [scope["scheme"] for scope in bank.app.scopes] == ["http", "https"]


async def test_an_app_is_told_by_the_extension_that_asgi_has_for_it(bank):
    identity = bank.identity()
    await bank.name_of(identity)
    told = bank.app.scopes[0]["extensions"]["tls"]
    [shown] = [x509.load_pem_x509_certificate(pem.encode()) for pem in told["client_cert_chain"]]
    assert shown == identity.certificate
    assert (told["client_cert_name"], told["tls_version"]) == ("CN=shop,O=A bank", 0x0304)


async def test_private_keys_are_no_part_of_what_is_printed(bank):
    assert "PRIVATE" not in repr(bank.identity())
    assert "key" not in repr(bank.identity())
