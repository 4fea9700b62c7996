"""Webhooks are believed when PayPal's certificate has signed them for a webhook of the account, and no others."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
import paypal_samples as samples
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from paypal_signing import DAY, LIVE, ORIGIN, URL, Authority, Signer

from malipo import clock
from malipo.platform.client import http_client
from provider_kit.errors import BadSignature, NotSent
from provider_paypal.authorities import authorities
from provider_paypal.certificates import Certificates, is_listed
from provider_paypal.verification import WINDOW, BySignature, Transmission

BODY = b'{"id":"WH-1","amount":"10.00",  "na\xc3\xafve":{}}'
WEBHOOK = samples.CREDENTIALS["webhook_ids"][0]


@dataclass
class Host:
    """Where certificates are. `reply` is answered, after `wait`, whatever is asked for."""

    reply: httpx.Response | Exception = field(default_factory=lambda: httpx.Response(404))
    asked: list[str] = field(default_factory=list)
    wait: float = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        await asyncio.sleep(self.wait)
        if isinstance(self.reply, Exception):
            raise self.reply
        return httpx.Response(self.reply.status_code, content=self.reply.content, headers=self.reply.headers)

    def has(self, pem: bytes) -> None:
        self.reply = httpx.Response(200, content=pem)


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer()


@pytest.fixture
def host(signer) -> Host:
    return Host(httpx.Response(200, content=signer.pem()))


@pytest.fixture
async def verify(host, signer):
    """Verifies with the merchant's credentials; fails as the service does."""
    async with http_client(timeout_seconds=5, transport=httpx.MockTransport(host)) as http:
        vouching = [signer.root.certificate]
        certificates = Certificates(http, origins={ORIGIN}, authorities=lambda: vouching)
        verifier = BySignature(certificates)

        async def call(callback, **credentials) -> None:
            await verifier.verify(callback, samples.CREDENTIALS | credentials)

        yield call


async def test_what_paypal_has_signed_is_believed(verify, signer, host):
    await verify(signer.webhook(BODY, WEBHOOK))
    assert host.asked == [URL]


async def test_one_byte_more_is_not(verify, signer):
    genuine = signer.webhook(BODY, WEBHOOK)
    with pytest.raises(BadSignature):
        await verify(type(genuine)(genuine.headers, BODY + b" "))


async def test_a_webhook_of_another_account_is_not(verify, signer):
    with pytest.raises(BadSignature, match="not signed for a webhook"):
        await verify(signer.webhook(BODY, "8PT597110X687430L"))


async def test_while_a_webhook_is_exchanged_both_are_believed(verify, signer):
    ids = [WEBHOOK, "8PT597110X687430L"]
    for one in ids:
        await verify(signer.webhook(BODY, one), webhook_ids=ids)


async def test_credentials_without_a_webhook_believe_nothing(verify, signer, host):
    with pytest.raises(BadSignature):
        await verify(signer.webhook(BODY, WEBHOOK), webhook_ids=[])
    assert host.asked == []


@pytest.mark.parametrize(
    "age", [timedelta(), WINDOW - timedelta(minutes=1), -timedelta(minutes=4)], ids=["now", "oldest", "clocks"]
)
async def test_what_is_sent_again_for_three_days_is_believed(verify, signer, age):
    await verify(signer.webhook(BODY, WEBHOOK, age=age))


@pytest.mark.parametrize("age", [WINDOW + timedelta(minutes=1), -timedelta(minutes=6)], ids=["old", "future"])
async def test_what_is_of_another_time_is_not(verify, signer, host, age):
    with pytest.raises(BadSignature, match="not of this time"):
        await verify(signer.webhook(BODY, WEBHOOK, age=age))
    assert host.asked == []


@pytest.mark.parametrize(
    "headers",
    [
        {"paypal_transmission_sig": "!"},
        {"paypal_transmission_sig": "QUJD"},
        {"paypal_transmission_sig": ""},
        {"paypal_transmission_sig": "A" * 2000},
        {"paypal_transmission_time": "yesterday"},
        {"paypal_transmission_time": "2026-11-27T10:00:00"},
        {"paypal_transmission_id": "a|b"},
        {"paypal_transmission_id": "na\xefve"},
        {"paypal_transmission_id": "another"},
        {"paypal_auth_algo": "SHA1withRSA"},
        {"paypal_auth_algo": ""},
        {"paypal_cert_url": ""},
    ],
    ids=str,
)
async def test_headers_that_paypal_does_not_send_are_refused(verify, signer, headers):
    with pytest.raises(BadSignature):
        await verify(signer.webhook(BODY, WEBHOOK, **headers))


@pytest.mark.parametrize(
    "url",
    [
        "http://api.sandbox.paypal.com/cert",
        "https://api.sandbox.paypal.com.evil.test/cert",
        "https://evil.test/api.sandbox.paypal.com",
        "https://api.sandbox.paypal.com@evil.test/cert",
        "https://evil@api.sandbox.paypal.com/cert",
        "https://api.sandbox.paypal.com:8443/cert",
        "https://api.sandbox.paypal.com:443@evil.test/cert",
        "https://evil.test#@api.sandbox.paypal.com/cert",
        "https://evil.test?@api.sandbox.paypal.com/cert",
        "https://evil.test\\@api.sandbox.paypal.com/cert",
        "https://api.sandbox.paypal.com\\.evil.test/cert",
        "https://api.sandbox.paypal.com./cert",
        "https://API.sandbox.paypal.com/cert",
        "https:api.sandbox.paypal.com/cert",
        "https:///api.sandbox.paypal.com/cert",
        "https://api.sandbox.paypal.com",
        "https://[::1]/cert",
        "https://[/cert",
        "file:///etc/passwd",
        "//api.sandbox.paypal.com/cert",
        " https://api.sandbox.paypal.com/cert",
        "https://api.sandbox.paypal.com/cert\t",
        "https://api.sandbox.paypal.com/cert?next=https://evil.test",
        "https://api.sandbox.paypal.com/" + "c" * 500,
    ],
)
async def test_no_certificate_is_fetched_from_elsewhere(verify, signer, host, url):
    assert not is_listed(url, {ORIGIN})
    with pytest.raises(BadSignature):
        await verify(signer.webhook(BODY, WEBHOOK, url=url))
    assert host.asked == []


async def test_a_redirect_is_not_followed(verify, signer, host):
    host.reply = httpx.Response(302, headers={"Location": "https://evil.test/cert"})
    with pytest.raises(NotSent):
        await verify(signer.webhook(BODY, WEBHOOK))
    assert host.asked == [URL]


async def test_a_forger_with_an_authority_of_his_own_is_refused(verify, host):
    forger = Signer(root=Authority("Forger's root"))
    host.has(forger.pem())
    with pytest.raises(BadSignature, match="no authority"):
        await verify(forger.webhook(BODY, WEBHOOK))


async def test_a_certificate_of_another_host_of_the_same_authority_is_refused(verify, signer, host):
    other = Signer("www.paypal.com", signer.root)
    host.has(other.pem())
    with pytest.raises(BadSignature):
        await verify(other.webhook(BODY, WEBHOOK))


async def test_a_live_webhook_is_not_signed_by_the_sandbox(verify, signer, host):
    with pytest.raises(BadSignature, match="mode"):
        await verify(signer.webhook(BODY, WEBHOOK, mode="live"))
    live = Signer(LIVE, signer.root)
    host.has(live.pem())
    await verify(live.webhook(BODY, WEBHOOK, url=URL + "2", mode="live"))


@pytest.mark.parametrize(
    ("since", "until"), [(-9 * DAY, -DAY / 24), (DAY / 24, 9 * DAY)], ids=["expired", "not yet valid"]
)
async def test_a_certificate_of_another_time_is_refused(verify, signer, host, since, until):
    host.has(signer.pem(since=clock.now() + since, until=clock.now() + until))
    with pytest.raises(BadSignature):
        await verify(signer.webhook(BODY, WEBHOOK))


async def test_a_certificate_that_expires_while_it_is_kept_is_looked_for_again_and_at_most_once_a_minute(
    verify, signer, host, monkeypatch
):
    await verify(signer.webhook(BODY, WEBHOOK))
    callback = signer.webhook(BODY, WEBHOOK, age=-31 * DAY)
    later = clock.now() + 31 * DAY
    monkeypatch.setattr(clock, "now", lambda: later)
    for _ in range(3):
        with pytest.raises(BadSignature):
            await verify(callback)
    assert host.asked == [URL] * 2


async def test_a_certificate_that_was_renewed_at_its_address_is_believed(verify, signer, host, monkeypatch):
    now = clock.now()
    host.has(signer.pem(until=now + DAY / 24))
    await verify(signer.webhook(BODY, WEBHOOK))
    callback = signer.webhook(BODY, WEBHOOK, age=-DAY / 12)
    host.has(signer.pem(until=now + DAY))
    monkeypatch.setattr(clock, "now", lambda: now + DAY / 12)
    await verify(callback)
    assert host.asked == [URL] * 2


async def test_a_certificate_without_the_one_between_needs_an_authority_that_vouches_for_it(host, signer):
    host.has(signer.pem(whole=False))
    async with http_client(timeout_seconds=5, transport=httpx.MockTransport(host)) as http:
        for trusted, is_believed in ((signer.root, False), (signer.between, True)):
            vouching = [trusted.certificate]
            certificates = Certificates(http, origins={ORIGIN}, authorities=lambda vouching=vouching: vouching)
            sent = signer.webhook(BODY, WEBHOOK)
            if is_believed:
                await BySignature(certificates).verify(sent, samples.CREDENTIALS)
            else:
                with pytest.raises(BadSignature):
                    await BySignature(certificates).verify(sent, samples.CREDENTIALS)


async def test_each_certificate_is_fetched_once_however_many_webhooks_come_at_once(verify, signer, host):
    host.wait = 0.05
    await asyncio.gather(*(verify(signer.webhook(BODY, WEBHOOK)) for _ in range(50)))
    await verify(signer.webhook(BODY, WEBHOOK))
    assert host.asked == [URL]


async def test_a_certificate_that_was_exchanged_has_another_address(verify, signer, host):
    await verify(signer.webhook(BODY, WEBHOOK))
    await verify(signer.webhook(BODY, WEBHOOK, url=URL + "-new"))
    assert host.asked == [URL, URL + "-new"]


@pytest.mark.parametrize(
    "reply",
    [
        httpx.Response(404),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, content=b""),
        httpx.Response(200, content=b"-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n"),
        httpx.Response(200, content=b"x" * 70_000),
    ],
    ids=["missing", "html", "empty", "broken", "endless"],
)
async def test_what_is_no_certificate_is_asked_for_once_a_minute(verify, signer, host, reply):
    host.reply = reply
    for _ in range(3):
        with pytest.raises(BadSignature):
            await verify(signer.webhook(BODY, WEBHOOK))
    assert host.asked == [URL]


@pytest.mark.parametrize(
    "reply", [httpx.ConnectError("away"), httpx.ReadTimeout("slow"), httpx.Response(503)], ids=["away", "slow", "503"]
)
async def test_while_the_certificate_cannot_be_had_a_webhook_is_to_come_again(verify, signer, host, reply, monkeypatch):
    genuine, certificate = signer.webhook(BODY, WEBHOOK), host.reply
    host.reply = reply
    results = await asyncio.gather(*(verify(genuine) for _ in range(5)), return_exceptions=True)
    assert {type(one) for one in results} == {NotSent}
    assert host.asked == [URL]
    host.reply, later = certificate, clock.now() + timedelta(seconds=6)
    monkeypatch.setattr(clock, "now", lambda: later)
    await verify(genuine)


async def test_a_flood_of_addresses_holds_up_no_webhook_whose_certificate_is_known(verify, signer, host):
    await verify(signer.webhook(BODY, WEBHOOK))
    host.wait = 0.2
    flood = [verify(signer.webhook(BODY, WEBHOOK, url=f"{URL}-{number}")) for number in range(100)]
    flooding = asyncio.gather(*flood, return_exceptions=True)
    await asyncio.sleep(0)
    await verify(signer.webhook(BODY, WEBHOOK))
    results = await flooding
    assert sum(isinstance(one, NotSent) for one in results) == 92
    assert len(host.asked) == 9


async def test_without_authorities_nothing_is_believed_and_nothing_lost(host, signer, tmp_path):
    file = tmp_path / "authorities.pem"
    async with http_client(timeout_seconds=5, transport=httpx.MockTransport(host)) as http:
        certificates = Certificates(http, origins={ORIGIN}, authorities=lambda: authorities(file))
        with pytest.raises(NotSent, match="no certificate authorities"):
            await BySignature(certificates).verify(signer.webhook(BODY, WEBHOOK), samples.CREDENTIALS)


def test_the_authorities_of_this_system_can_be_read():
    assert len(authorities(None)) > 10


def test_the_authorities_of_a_system_may_be_a_folder(monkeypatch, tmp_path, signer):
    pem = signer.root.certificate.public_bytes(Encoding.PEM)
    for name, content in (("0f5dc4f3.0", pem), ("0f5dc4f3.1", b"no certificate"), ("README", pem)):
        (tmp_path / name).write_bytes(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert authorities(None) == [signer.root.certificate]


def test_the_signed_text_is_as_paypal_documents_it():
    sent = Transmission("69cd13f0-d67a-11e5-baa3-778b53f4ae55", "2016-02-18T20:01:35Z", "", "")
    assert sent.signed("1JE4291016473214C", b"123456789") == (
        b"69cd13f0-d67a-11e5-baa3-778b53f4ae55|2016-02-18T20:01:35Z|1JE4291016473214C|3421780262"
    )
