"""Webhooks that PayPal itself is asked about: it is shown the body byte for byte, and its word is believed alone."""

import json
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
import paypal_samples as samples
import pytest
from paypal_signing import Signer

from malipo.platform.client import http_client
from provider_kit.errors import BadSignature, Misconfigured, NotSent
from provider_kit.provider import Callback
from provider_paypal.client import PaypalClient
from provider_paypal.requests import TOKEN_PATH, VERIFY_PATH
from provider_paypal.verification import ByAsking
from testkit.tokens import MemoryTokens

BODY = b'{"id":"WH-1",  "amount":"10.00","breakdown":{}}'
WEBHOOK = samples.CREDENTIALS["webhook_ids"][0]
SUCCESS, FAILURE = ({"verification_status": one} for one in ("SUCCESS", "FAILURE"))


@dataclass
class Judge:
    """Says what it is to say of each webhook id."""

    says: dict[str, httpx.Response | Exception] = field(default_factory=dict)
    asked: list[bytes] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == TOKEN_PATH:
            return httpx.Response(200, json={"access_token": "A21", "token_type": "Bearer", "expires_in": 32400})
        assert request.url.path == VERIFY_PATH
        self.asked.append(request.content)
        self.hosts.append(request.url.host)
        said = self.says.get(json.loads(request.content)["webhook_id"], httpx.Response(200, json=FAILURE))
        if isinstance(said, Exception):
            raise said
        return said


@pytest.fixture
def judge() -> Judge:
    return Judge({WEBHOOK: httpx.Response(200, json=SUCCESS)})


@pytest.fixture
async def verify(judge):
    async with http_client(timeout_seconds=5, transport=httpx.MockTransport(judge)) as http:
        hosts = {"test": "https://sandbox.test", "live": "https://live.test"}
        verifier = ByAsking(PaypalClient(http, MemoryTokens(), hosts=hosts, timeout_seconds=5).ask)

        async def call(callback: Callback, **credentials) -> None:
            await verifier.verify(callback, samples.CREDENTIALS | credentials)

        yield call


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer()


async def test_paypal_is_shown_the_body_as_it_came(verify, judge, signer):
    sent = signer.webhook(BODY, WEBHOOK)
    await verify(sent)
    (asked,) = judge.asked
    assert asked.endswith(b',"webhook_event":' + BODY + b"}")
    assert {name: value for name, value in json.loads(asked).items() if name != "webhook_event"} == {
        "auth_algo": "SHA256withRSA",
        "cert_url": sent.headers["paypal-cert-url"],
        "transmission_id": sent.headers["paypal-transmission-id"],
        "transmission_sig": sent.headers["paypal-transmission-sig"],
        "transmission_time": sent.headers["paypal-transmission-time"],
        "webhook_id": WEBHOOK,
    }


@pytest.mark.parametrize(("mode", "host"), [("test", "sandbox.test"), ("live", "live.test")])
async def test_each_mode_is_asked_about_at_its_own_address(verify, judge, signer, mode, host):
    await verify(signer.webhook(BODY, WEBHOOK, mode=mode))
    assert judge.hosts == [host]


async def test_a_webhook_that_is_exchanged_is_asked_about_by_each_of_its_ids(verify, judge, signer):
    await verify(signer.webhook(BODY, WEBHOOK), webhook_ids=["8PT597110X687430L", WEBHOOK])
    assert len(judge.asked) == 2


async def test_a_webhook_that_was_deleted_at_paypal_keeps_the_other_from_nobody(verify, judge, signer):
    gone = httpx.Response(404, json={"name": "INVALID_RESOURCE_ID", "message": "Resource id is invalid", "details": []})
    judge.says["8PT597110X687430L"] = gone
    await verify(signer.webhook(BODY, WEBHOOK), webhook_ids=["8PT597110X687430L", WEBHOOK])
    assert len(judge.asked) == 2


@pytest.mark.parametrize("said", [httpx.Response(200, json=FAILURE), httpx.Response(400, json={"name": "X"})])
async def test_what_paypal_does_not_confirm_is_refused(verify, judge, signer, said):
    judge.says = {WEBHOOK: said}
    with pytest.raises(BadSignature):
        await verify(signer.webhook(BODY, WEBHOOK))


@pytest.mark.parametrize(
    "said",
    [
        httpx.Response(503),
        httpx.Response(404, content=b"<html>"),
        httpx.Response(429, headers={"Retry-After": "7"}),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, json={"verification_status": "MAYBE"}),
        httpx.Response(200, json=[]),
        httpx.ReadTimeout("slow"),
        httpx.ConnectError("away"),
    ],
    ids=["503", "404", "429", "html", "maybe", "list", "slow", "away"],
)
async def test_while_paypal_does_not_say_a_webhook_is_to_come_again(verify, judge, signer, said):
    judge.says = {WEBHOOK: said}
    with pytest.raises(NotSent):
        await verify(signer.webhook(BODY, WEBHOOK))


async def test_an_app_that_may_not_ask_is_misconfigured(judge, signer):
    judge.says = {}
    refused = httpx.MockTransport(lambda _: httpx.Response(401, json={"error": "invalid_client"}))
    async with http_client(timeout_seconds=5, transport=refused) as http:
        client = PaypalClient(
            http, MemoryTokens(), hosts={"test": "https://sandbox.test", "live": "https://live.test"}, timeout_seconds=5
        )
        with pytest.raises(Misconfigured):
            await ByAsking(client.ask).verify(signer.webhook(BODY, WEBHOOK), samples.CREDENTIALS)


@pytest.mark.parametrize(
    "body",
    [
        b'{},"webhook_id":"8PT597110X687430L"',
        b'{}},{"a":{}',
        b'{"id":"WH-1"} {}',
        b"[]",
        b"null",
        b"",
        b"\xff{}",
        b'{"id":' + b"[" * 100_000,
    ],
    ids=lambda body: body[:12],
)
async def test_a_body_cannot_change_what_is_asked(verify, judge, signer, body):
    with pytest.raises(BadSignature):
        await verify(signer.webhook(body, WEBHOOK))
    assert judge.asked == []


async def test_what_is_of_another_time_is_not_asked_about(verify, judge, signer):
    with pytest.raises(BadSignature):
        await verify(signer.webhook(BODY, WEBHOOK, age=timedelta(days=4)))
    assert judge.asked == []
