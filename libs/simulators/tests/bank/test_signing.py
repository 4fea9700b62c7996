"""Requests of partners with a client certificate, over real TLS: who is believed, and what everybody else is told."""

import base64
import hashlib
import json
import ssl
import time
from contextlib import asynccontextmanager

import httpx
import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from fastapi import FastAPI, Request

from malipo_simulators.bank.certificate_control import certificate_routes
from malipo_simulators.bank.certificates import Certificates
from malipo_simulators.bank.signing import Distrusted, partner_of
from malipo_simulators.kit.tls.listening import listen_securely

pytestmark = pytest.mark.asyncio

BODY = b'{"amount": "10.00"}'
PATH = "/v1/payments?end_to_end_id=a%20b"
ALGORITHMS = ("RS256", "ES256")


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def detached(payload: bytes, private_key: str, header: dict) -> str:
    """As RFC 7515 and RFC 7518 have it, written here once more: the judge is not judged by itself."""
    key = serialization.load_pem_private_key(private_key.encode(), None)
    head = encoded(json.dumps(header).encode())
    message = f"{head}.{encoded(payload)}".encode()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        numbers = utils.decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
        signature = b"".join(number.to_bytes(32) for number in numbers)
    else:
        signature = key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    return f"{head}..{encoded(signature)}"


class Partner:
    """A client with a certificate that signs its requests, and may get any part of it wrong."""

    def __init__(self, client: httpx.AsyncClient, given: dict, algorithm: str) -> None:
        self.client = client
        self.given = given
        self.header = {"alg": algorithm, "kid": given["key_id"]}

    def headers(self, *, at: int | str | None = None, path: str = PATH, body: bytes = BODY, method: str = "POST"):
        at = str(int(time.time()) if at is None else at)
        payload = f"{method}|{path}|{at}|{hashlib.sha256(body).hexdigest()}".encode()
        signature = detached(payload, self.given["private_key"], self.header)
        return {"X-Request-Timestamp": at, "X-Request-Signature": signature}

    async def send(self, headers: dict | None = None) -> dict:
        headers = self.headers() if headers is None else headers
        return (await self.client.post(PATH, content=BODY, headers=headers)).json()


class Bank:
    """An app that knows partners by their certificates, and says whom it takes a request for."""

    def __init__(self) -> None:
        self.certificates = Certificates()
        self.app = FastAPI()
        self.app.include_router(certificate_routes(self.certificates))
        self.app.add_api_route("/{path:path}", self._judge, methods=["GET", "POST"])
        self.plain: httpx.AsyncClient
        self.secure = ""

    async def _judge(self, request: Request) -> dict:
        try:
            partner = partner_of(request, await request.body(), self.certificates.revoked)
        except Distrusted as error:
            return {"code": error.code, "detail": error.detail}
        return {"partner": partner.name, "key_id": partner.key_id}

    async def given(self, **wanted) -> dict:
        answer = await self.plain.post("/_sim/certificates", json={"partner": "shop", **wanted})
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def context(self, given: dict | None, folder) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=(await self.plain.get("/_sim/authority.pem")).text)
        if given:
            path = folder / given["key_id"]
            path.write_text(given["private_key"] + given["certificate"])
            context.load_cert_chain(path)
        return context


@pytest.fixture
async def bank(serving):
    bank = Bank()
    secure = listen_securely("127.0.0.1", 0, bank.certificates.context())
    bank.secure = f"https://localhost:{secure.port}"
    async with serving(bank.app, secure) as url, httpx.AsyncClient(base_url=url, trust_env=False) as bank.plain:
        yield bank


@pytest.fixture
def partner_with(bank, tmp_path):
    @asynccontextmanager
    async def partner(given: dict | None = None, *, algorithm: str = "ES256", shown: bool = True):
        given = given or await bank.given(algorithm=algorithm)
        context = await bank.context(given if shown else None, tmp_path)
        async with httpx.AsyncClient(base_url=bank.secure, verify=context, trust_env=False) as client:
            yield Partner(client, given, algorithm)

    return partner


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_partner_is_believed_by_its_certificate_and_its_signature(partner_with, algorithm):
    async with partner_with(algorithm=algorithm) as partner:
        assert await partner.send() == {"partner": "shop", "key_id": partner.given["key_id"]}


async def test_a_request_without_a_body_is_signed_too(partner_with):
    async with partner_with() as partner:
        headers = partner.headers(method="GET", body=b"")
        assert (await partner.client.get(PATH, headers=headers)).json()["partner"] == "shop"


async def test_an_ending_certificate_and_its_successor_are_both_good(bank, partner_with):
    given = [await bank.given() for _ in range(2)]
    for one in given:
        async with partner_with(one) as partner:
            assert (await partner.send())["key_id"] == one["key_id"]


async def test_without_a_certificate_a_signature_is_worth_nothing(bank, partner_with):
    async with partner_with(shown=False) as partner:
        assert (await partner.send())["code"] == "certificate_required"
        in_the_clear = await bank.plain.post(PATH, content=BODY, headers=partner.headers())
        assert in_the_clear.json()["code"] == "certificate_required"


async def test_a_certificate_that_has_ended_is_named_as_such(bank, partner_with):
    async with partner_with(await bank.given(valid_seconds=-1)) as partner:
        refusal = await partner.send()
    assert refusal["code"] == "certificate_expired"
    assert partner.given["not_after"].removesuffix("Z") in refusal["detail"]


async def test_a_revoked_certificate_is_refused_also_on_a_connection_that_is_open(bank, partner_with):
    async with partner_with() as partner:
        assert (await partner.send())["partner"] == "shop"
        await bank.plain.delete(f"/_sim/certificates/{partner.given['key_id']}")
        assert (await partner.send())["code"] == "certificate_revoked"


@pytest.mark.parametrize("missing", ["X-Request-Timestamp", "X-Request-Signature"])
async def test_a_missing_header_is_named(partner_with, missing):
    async with partner_with() as partner:
        headers = partner.headers()
        del headers[missing]
        refusal = await partner.send(headers)
    assert refusal["code"] == "signature_missing"
    assert missing in refusal["detail"]


@pytest.mark.parametrize("off", [-310, 310])
async def test_a_time_too_far_off_is_refused(partner_with, off):
    async with partner_with() as partner:
        assert (await partner.send(partner.headers(at=int(time.time()) + off)))["code"] == "timestamp_out_of_range"
        assert (await partner.send(partner.headers(at=int(time.time()) + off * 9 // 10)))["partner"] == "shop"


@pytest.mark.parametrize("at", ["soon", "-1", "1.5", "٣", "9" * 5_000])
async def test_a_time_that_is_no_number_of_seconds_is_refused(partner_with, at):
    async with partner_with() as partner:
        headers = partner.headers(at=at)
        headers["X-Request-Timestamp"] = at.encode()
        assert (await partner.send(headers))["code"] == "timestamp_out_of_range"


@pytest.mark.parametrize("signed", [{"body": b"{}"}, {"path": "/v1/payments"}, {"method": "PUT"}])
async def test_what_was_signed_has_to_be_what_was_sent_and_the_refusal_shows_it(partner_with, signed):
    async with partner_with() as partner:
        refusal = await partner.send(partner.headers(**signed))
    assert refusal["code"] == "signature_invalid"
    assert f"POST|{PATH}|" in refusal["detail"]


async def test_another_time_than_the_signed_one_is_refused(partner_with):
    async with partner_with() as partner:
        headers = partner.headers() | {"X-Request-Timestamp": str(int(time.time()) - 5)}
        assert (await partner.send(headers))["code"] == "signature_invalid"


async def test_another_partners_key_is_refused(bank, partner_with):
    other = await bank.given(partner="other")
    async with partner_with() as partner:
        partner.given = partner.given | {"private_key": other["private_key"]}
        assert (await partner.send())["code"] == "signature_invalid"
        partner.header["kid"] = other["key_id"]
        refusal = await partner.send()
    assert refusal["code"] == "signature_invalid"
    assert other["key_id"] in refusal["detail"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"alg": "none"}, "alg"),
        ({"alg": "HS256"}, "alg"),
        ({"alg": ["ES256"]}, "alg"),
        ({"alg": "RS256"}, "RS256"),
        ({"kid": None}, "kid"),
        ({"crit": ["b64"], "b64": False}, "crit"),
    ],
)
async def test_a_header_that_is_not_as_agreed_is_refused(partner_with, change, why):
    async with partner_with() as partner:
        partner.header |= change
        refusal = await partner.send()
    assert refusal["code"] == "signature_invalid"
    assert why in refusal["detail"]


@pytest.mark.parametrize(
    "text", ["x", "..", "e30..", "e30.e30.e30", "W10..AA", "!..AA", "e30=..AA", "é..é", f"{encoded(b'[' * 30_000)}..AA"]
)
async def test_whatever_stands_in_place_of_a_signature_is_refused(partner_with, text):
    async with partner_with() as partner:
        headers = partner.headers() | {"X-Request-Signature": text.encode()}
        assert (await partner.send(headers))["code"] == "signature_invalid"


@pytest.mark.parametrize("signature", [b"", b"\0" * 64, b"\xff" * 64, b"\0" * 63, b"\0" * 256])
async def test_bytes_that_are_no_signature_are_refused(partner_with, signature):
    async with partner_with() as partner:
        head = partner.headers()["X-Request-Signature"].partition(".")[0]
        headers = partner.headers() | {"X-Request-Signature": f"{head}..{encoded(signature)}"}
        assert (await partner.send(headers))["code"] == "signature_invalid"


@pytest.mark.parametrize("wrong", [{"partner": ""}, {"partner": "a\nb"}, {"algorithm": "HS256"}, {"valid_days": 1}])
async def test_a_certificate_that_cannot_be_had_is_refused(bank, wrong):
    answer = await bank.plain.post("/_sim/certificates", json={"partner": "shop", **wrong})
    assert answer.status_code == 422


async def test_what_a_partner_is_given_belongs_together_and_leads_to_the_authority(bank):
    given = await bank.given(algorithm="RS256")
    authority = x509.load_pem_x509_certificate((await bank.plain.get("/_sim/authority.pem")).content)
    certificate = x509.load_pem_x509_certificate(given["certificate"].encode())
    key = serialization.load_pem_private_key(given["private_key"].encode(), None)
    certificate.verify_directly_issued_by(authority)
    certificate.public_key().verify(
        key.sign(b"x", padding.PKCS1v15(), hashes.SHA256()), b"x", padding.PKCS1v15(), hashes.SHA256()
    )
    with pytest.raises((InvalidSignature, ValueError, TypeError)):
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(Certificates().authority_pem))
