"""What a request is signed with, as whoever has the public key checks it, and what arrives of what was signed."""

import base64
import hashlib
import json

import pytest
from bank_certificates import given
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from malipo.platform.client import http_client
from malipo_simulators.kit.server import make_server
from provider_bank import requests
from provider_bank.account import OAuth
from provider_bank.authentication import basic, signed
from provider_bank.certificates import read_certificate
from testkit.serving import serving

RSA, P256 = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def check(key, signature: bytes, data: bytes) -> None:
    if isinstance(key, rsa.RSAPrivateKey):
        key.public_key().verify(signature, data, padding.PKCS1v15(), SHA256())
    else:
        assert len(signature) == 64
        r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
        key.public_key().verify(encode_dss_signature(r, s), data, ec.ECDSA(SHA256()))


@pytest.mark.parametrize(("key", "algorithm"), [(RSA, "RS256"), (P256, "ES256")])
def test_method_path_time_and_body_are_signed_by_the_certificates_key(key, algorithm):
    headers = signed(
        read_certificate(given(key, "kid-7")), "POST", "/v1/payments?a=b", b'{"amount":"1.00"}', 1764_000_000
    )
    assert headers["X-Request-Timestamp"] == "1764000000"
    header, payload, signature = headers["X-Request-Signature"].split(".")
    assert payload == ""
    assert json.loads(decoded(header)) == {"alg": algorithm, "kid": "kid-7"}
    digest = hashlib.sha256(b'{"amount":"1.00"}').hexdigest()
    said = base64.urlsafe_b64encode(f"POST|/v1/payments?a=b|1764000000|{digest}".encode()).decode().rstrip("=")
    check(key, decoded(signature), f"{header}.{said}".encode())


def test_a_clients_name_and_secret_may_hold_any_character():
    encoded = basic(OAuth("a:b c", "p%ä")).removeprefix("Basic ")
    assert base64.b64decode(encoded) == b"a%3Ab+c:p%25%C3%A4"


async def test_what_is_signed_is_what_arrives_whatever_stands_in_a_query():
    async def show(request):
        return PlainTextResponse(f"{request.scope['raw_path'].decode()}?{request.scope['query_string'].decode()}")

    app = Starlette(routes=[Route("/v1/payments", show)])
    query = {"updated_after": "2026-11-28T00:00:00.000000+00:00", "cursor": "a+b/c=d&e f%~!$'()*,;:@?é\"<>\\^`{|}[]#"}
    asked = requests.target("/v1/payments", query)
    async with serving(make_server(app)) as url, http_client(timeout_seconds=5) as http:
        assert (await http.get(f"{url}{asked}")).text == asked
