"""The simulated bank's webhooks: who is told what, how it is signed, how often it is sent, and how it goes wrong."""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import replace
from itertools import count

import httpx
import pytest
from contract_judge import document, hold
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from malipo_simulators.bank.app import create_bank_app
from malipo_simulators.bank.settings import BankSettings, webhook_pauses
from malipo_simulators.kit.webhooks.posting import HttpxPoster

pytestmark = pytest.mark.asyncio

SETTINGS = BankSettings(seed="webhooks", webhook_delay_seconds=0, webhook_retry_seconds=(0.01,) * 10)
HOOK = "http://receiver.test/hook"
KEY = {"id": "key-1", "secret": "first secret"}
SECRETS = {"key-1": "first secret", "key-2": "second secret"}
COMPLETED = ["payment.initiated", "payment.processing", "payment.completed"]


class Bank:
    """A partner with an API key, and what receives the webhooks."""

    def __init__(self, settings: BankSettings) -> None:
        self.requests: list[httpx.Request] = []
        self.statuses: list[int] = []
        self.app = create_bank_app(settings, HttpxPoster(2, httpx.MockTransport(self._take)))
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://bank.test")
        self.numbers = count(1)

    def _take(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(self.statuses.pop(0) if self.statuses else 200)

    async def pay(self, account: str = "acc-1", **headers: str) -> dict:
        """10.00 over the bank's own books, which completes it at once."""
        number = next(self.numbers)
        body = {
            "end_to_end_id": f"E{number}",
            "rail": "BOOK",
            "amount": "10.00",
            "currency": "USD",
            "debtor_account_id": account,
            "creditor": {"name": "Ann Other", "account": {"number": "123456789", "routing": "021000021"}},
        }
        sent = {"X-API-Key": "shop.key", "Idempotency-Key": f"k{number}"} | headers
        answer = await self.http.post("/v1/payments", json=body, headers=sent)
        assert answer.status_code == 202, answer.text
        return answer.json()

    async def control(self, path: str, **body: object) -> dict:
        answer = await self.http.post(f"/_sim/{path}", json=body)
        assert answer.status_code < 300, answer.text
        return answer.json()

    async def listen(self, account: str = "acc-1", **how: object) -> str:
        how = how or {"key": KEY}
        return (await self.control("webhooks", debtor_account_id=account, url=HOOK, **how))["id"]

    @property
    def events(self) -> list[dict]:
        """All that came, each as the contract has it."""
        for request in self.requests:
            judge(request)
        return [json.loads(request.content) for request in self.requests]

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    async def keys(self) -> dict[str, dict]:
        answer = await self.http.get("/.well-known/jwks.json")
        return {key["kid"]: key for key in answer.json()["keys"]}

    async def undelivered(self) -> int:
        return sum(event["undelivered"] for event in (await self.http.get("/_sim/events")).json())

    async def pending(self) -> int:
        return (await self.http.get("/_sim/health")).json()["webhooks"]["pending"]


def judge(request: httpx.Request) -> None:
    told = document()["webhooks"]["event"]["post"]
    for header in told["parameters"]:
        hold(request.headers[header["name"]], header["schema"], header["name"])
    hold(json.loads(request.content), told["requestBody"]["content"]["application/json"]["schema"], "a webhook")


def message(request: httpx.Request) -> bytes:
    headers = request.headers
    return f"{headers['x-bank-timestamp']}.{headers['x-bank-event-id']}.".encode() + request.content


def is_signed(request: httpx.Request) -> bool:
    """By the secret that the receiver has under the key's id."""
    secret = SECRETS.get(request.headers["x-bank-key-id"], "none")
    digest = hmac.new(secret.encode(), message(request), hashlib.sha256).hexdigest()
    return request.headers["x-bank-signature"] == f"v1={digest}"


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(text: str) -> int:
    return int.from_bytes(decoded(text))


def is_jws(request: httpx.Request, keys: dict[str, dict]) -> bool:
    """As RFC 7515 and RFC 7518 have it, by the published key."""
    head, between, signature = request.headers["x-bank-signature"].split(".")
    header = json.loads(decoded(head))
    jwk = keys.get(header["kid"])
    if between or jwk is None or header["alg"] != jwk["alg"]:
        return False
    signed = f"{head}.{base64.urlsafe_b64encode(message(request)).rstrip(b'=').decode()}".encode()
    raw = decoded(signature)
    try:
        if jwk["kty"] == "RSA":
            public = rsa.RSAPublicNumbers(number(jwk["e"]), number(jwk["n"])).public_key()
            public.verify(raw, signed, padding.PKCS1v15(), hashes.SHA256())
        else:
            point = ec.EllipticCurvePublicNumbers(number(jwk["x"]), number(jwk["y"]), ec.SECP256R1()).public_key()
            r, s = int.from_bytes(raw[:32]), int.from_bytes(raw[32:])
            point.verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


@pytest.fixture
async def bank():
    bank = Bank(SETTINGS)
    async with bank.http:
        yield bank
    await bank.app.state.world.close()


@pytest.fixture
async def slow_bank():
    """It repeats as the contract has it, so that nothing is repeated unless the clock is moved."""
    bank = Bank(replace(SETTINGS, webhook_retry_seconds=webhook_pauses()))
    async with bank.http:
        yield bank
    await bank.app.state.world.close()


async def test_every_change_of_a_payment_is_told_with_the_payment_as_it_was_then(bank, until):
    await bank.listen()
    payment = await bank.pay()
    await until(lambda: len(bank.events) == 3, "three events")
    events = sorted(bank.events, key=lambda event: event["data"]["version"])
    assert [event["type"] for event in events] == COMPLETED
    assert [event["type"] for event in events] == [f"payment.{event['data']['status']}" for event in events]
    assert events[-1]["data"] == payment
    assert len({event["id"] for event in events}) == 3
    assert [request.headers["x-bank-event-id"] for request in bank.requests] == [event["id"] for event in bank.events]


async def test_only_the_account_of_the_payment_is_told(bank, until):
    await bank.listen("acc-2")
    await bank.listen("acc-1", signing="jws")
    await bank.pay("acc-2")
    await until(lambda: len(bank.events) == 3, "three events")
    assert {event["data"]["debtor_account_id"] for event in bank.events} == {"acc-2"}


async def test_a_signature_covers_time_id_and_body(bank, until):
    await bank.listen()
    await bank.pay()
    await until(lambda: bank.requests, "a webhook")
    request = bank.requests[0]
    assert is_signed(request)
    assert abs(int(request.headers["x-bank-timestamp"]) - time.time()) < 60
    for name, other in (("x-bank-timestamp", "1"), ("x-bank-event-id", "evt_other")):
        request.headers[name], kept = other, request.headers[name]
        assert not is_signed(request)
        request.headers[name] = kept


async def test_while_keys_are_exchanged_both_sign_and_then_the_new_one_alone(bank, until):
    endpoint = await bank.listen()
    assert await bank.control(f"webhooks/{endpoint}/rotate", id="key-2", secret="second secret") == {
        "key_ids": ["key-2", "key-1"]
    }
    await bank.pay()
    await until(lambda: len(bank.requests) == 3, "three webhooks")
    assert {request.headers["x-bank-key-id"] for request in bank.requests} == {"key-1", "key-2"}
    await bank.control(f"webhooks/{endpoint}/rotate", id="key-2", secret="second secret", keep_old=False)
    await bank.pay()
    await until(lambda: len(bank.requests) == 6, "six webhooks")
    assert {request.headers["x-bank-key-id"] for request in bank.requests[3:]} == {"key-2"}
    assert all(map(is_signed, bank.requests))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
async def test_partners_of_jws_find_the_key_where_it_is_published(bank, until, algorithm):
    await bank.listen(signing="jws")
    await bank.control("jwks/rotate", algorithm=algorithm)
    await bank.pay()
    await until(lambda: len(bank.requests) == 3, "three webhooks")
    keys = await bank.keys()
    assert all(is_jws(request, keys) for request in bank.requests)
    assert keys[bank.requests[0].headers["x-bank-key-id"]]["alg"] == algorithm
    assert not any({"d", "p", "q", "k"} & set(key) for key in keys.values())


async def test_a_replaced_key_of_the_bank_stays_published_until_it_is_withdrawn(bank, until):
    await bank.listen(signing="jws")
    before = await bank.keys()
    assert await bank.keys() == before
    await bank.control("jwks/rotate")
    await bank.pay()
    await until(lambda: len(bank.requests) == 3, "three webhooks")
    assert not is_jws(bank.requests[0], before)
    assert is_jws(bank.requests[0], await bank.keys())
    assert before.items() <= (await bank.keys()).items()
    await bank.control("jwks/rotate", keep_old=False)
    assert not before.keys() & (await bank.keys()).keys()


async def test_whatever_is_not_2xx_is_sent_again_and_signed_anew(bank, until):
    await bank.listen()
    bank.statuses = [500, 302, 401]
    await bank.pay()
    await until(lambda: len(bank.requests) == 6, "six tries")
    assert all(map(is_signed, bank.requests))
    assert sorted(set(bank.types)) == sorted(COMPLETED)


async def test_the_contracts_repeats_are_made_when_the_clock_is_moved(slow_bank, until):
    bank = slow_bank
    await bank.listen()
    bank.statuses = [500] * 3
    await bank.pay()
    await until(lambda: len(bank.requests) == 3, "the first tries")
    assert await bank.undelivered() == 3
    await bank.control("clock", advance_seconds=90)
    await until(lambda: len(bank.requests) == 6, "the second ones")

    async def is_told() -> bool:
        return await bank.undelivered() == 0

    await until(is_told, "all are taken")
    assert sum(webhook_pauses()) < 3 * 86_400


async def test_an_event_that_was_dropped_is_still_known_and_can_be_sent_anew(bank, until):
    await bank.listen()
    await bank.control("faults", fault="webhook_drop", match={"event_type": "payment.completed"})
    payment = await bank.pay()
    await until(lambda: len(bank.requests) == 2, "two webhooks")
    found = (await bank.http.get("/_sim/events", params={"payment": payment["end_to_end_id"]})).json()
    assert [event["type"] for event in found] == COMPLETED
    await bank.control(f"events/{found[-1]['id']}/resend")
    await until(lambda: len(bank.requests) == 3, "the third one")
    assert bank.events[-1] | {"undelivered": 1} == found[-1]
    assert is_signed(bank.requests[-1])


async def test_an_event_comes_twice_or_after_a_later_one(bank, until):
    await bank.listen()
    await bank.control("faults", fault="webhook_duplicate", match={"event_type": "payment.initiated"}, times=1)
    reorder = {"fault": "webhook_reorder", "delay_seconds": 5, "times": 1}
    await bank.control("faults", match={"event_type": "payment.processing"}, **reorder)
    await bank.pay()
    await until(lambda: len(bank.requests) == 4, "four webhooks")
    assert bank.types.count("payment.initiated") == 2
    assert bank.types.index("payment.processing") > bank.types.index("payment.completed")


@pytest.mark.parametrize("signing", [{"key": KEY}, {"signing": "jws"}])
async def test_a_forgery_is_one_event_more_that_no_key_has_signed(bank, until, signing):
    await bank.listen(**signing)
    await bank.control("faults", fault="webhook_forged", match={"event_type": "payment.completed"})
    await bank.pay()
    await until(lambda: len(bank.requests) == 4, "four webhooks")
    keys = await bank.keys()
    good = [is_jws(request, keys) if "signing" in signing else is_signed(request) for request in bank.requests]
    assert sorted(good) == [False, True, True, True]


@pytest.mark.parametrize("signing", [{"key": KEY}, {"signing": "jws"}])
async def test_a_key_that_nobody_knows_signs_the_first_try_alone(bank, until, signing):
    await bank.listen(**signing)
    bank.statuses = [404] * 3
    await bank.pay(**{"X-Sim-Fault": "webhook_unknown_key"})
    await until(lambda: len(bank.requests) == 6, "six tries")
    known = {"key-1"} | (await bank.keys()).keys()
    by_known = [request.headers["x-bank-key-id"] in known for request in bank.requests]
    assert sorted(by_known) == [False] * 3 + [True] * 3


async def test_a_stale_try_is_rightly_signed_and_an_hour_old(bank, until):
    await bank.listen()
    bank.statuses = [401]
    await bank.control("faults", fault="webhook_stale", match={"event_type": "payment.initiated"})
    await bank.pay()
    await until(lambda: len(bank.requests) == 4, "four tries")
    assert all(map(is_signed, bank.requests))
    ages = sorted(time.time() - int(request.headers["x-bank-timestamp"]) for request in bank.requests)
    assert ages[-1] > 3_000 > 60 > ages[-2]


async def test_a_webhook_may_come_before_the_answer_to_its_request(bank):
    await bank.listen()
    await bank.pay(**{"X-Sim-Fault": "webhook_before_answer"})
    assert len(bank.requests) == 3


async def test_an_endpoint_that_was_removed_is_told_nothing(bank):
    endpoint = await bank.listen()
    assert (await bank.http.delete(f"/_sim/webhooks/{endpoint}")).status_code == 204
    await bank.pay(**{"X-Sim-Fault": "webhook_before_answer"})
    assert not bank.requests
    assert (await bank.http.get("/_sim/webhooks")).json() == []


async def test_the_list_of_endpoints_shows_how_deliveries_go_and_no_secret(bank, until):
    endpoint = await bank.listen()
    bank.statuses = [503]
    await bank.pay()

    async def is_done() -> bool:
        return await bank.pending() == 0

    await until(is_done, "all are taken")
    answer = await bank.http.get("/_sim/webhooks")
    [shown] = answer.json()
    assert (shown["id"], shown["delivered"], shown["failed_attempts"]) == (endpoint, 3, 1)
    assert KEY["secret"] not in answer.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "ftp://x/y", "key": KEY},
        {"url": "nowhere", "key": KEY},
        {"signing": "hmac"},
        {"signing": "jws", "key": KEY},
        {"key": {"id": "a b", "secret": "s"}},
        {"key": {"id": "a"}},
    ],
)
async def test_an_endpoint_that_makes_no_sense_is_refused(bank, wrong):
    answer = await bank.http.post("/_sim/webhooks", json={"debtor_account_id": "acc-1", "url": HOOK} | wrong)
    assert answer.status_code == 422


async def test_the_banks_own_keys_are_exchanged_elsewhere(bank):
    endpoint = await bank.listen(signing="jws")
    answer = await bank.http.post(f"/_sim/webhooks/{endpoint}/rotate", json=KEY)
    assert answer.status_code == 409


async def test_the_key_set_goes_wrong_on_request_and_is_logged(bank):
    await bank.control("faults", fault="error_before_effect", match={"path": "/.well-known/*"}, times=1)
    statuses = [(await bank.http.get("/.well-known/jwks.json")).status_code for _ in range(2)]
    assert statuses == [500, 200]
    assert (await bank.http.post("/.well-known/jwks.json")).status_code == 405
    logged = (await bank.http.get("/_sim/requests", params={"path": "/.well-known/*"})).json()
    assert [one["status"] for one in logged] == [500, 200, 405]


async def test_after_a_reset_nobody_is_told_and_other_keys_sign(bank):
    await bank.listen(signing="jws")
    before = await bank.keys()
    await bank.http.post("/_sim/reset")
    await bank.pay(**{"X-Sim-Fault": "webhook_before_answer"})
    assert not bank.requests
    assert not before.keys() & (await bank.keys()).keys()
