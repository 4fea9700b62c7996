"""Sending a request again: one effect, the same resource, whatever crashed in between."""

import asyncio
import json
from datetime import timedelta

import pytest

from gateway.edge import idempotency
from gateway.edge.validation import parse
from gateway.payments.schemas import NewPayment
from malipo import clock, ids
from malipo.messaging.runtime import purge
from malipo.platform.secrets import KeyRing
from testkit.waiting import until


async def test_a_repeat_answers_with_the_resource_as_it_is_now(gateway, merchant):
    first = await merchant.pay(key="order 7")
    assert "Idempotent-Replayed" not in first.headers
    await gateway.receive(gateway.step(merchant, first.json()))
    again = await merchant.pay(key="order 7")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (again.status_code, again.json()["status"]) == (201, "completed")
    assert again.json()["id"] == first.json()["id"]
    assert await gateway.count("payments") == 1


async def test_how_the_body_is_written_does_not_matter(gateway, merchant, make):
    spaced = json.dumps(make.payment | {"metadata": {}, "client_ref": None}, indent=3, sort_keys=True).encode()
    first = await merchant.pay(key="k")
    headers = {"X-API-Key": merchant.key, "Idempotency-Key": "k", "Prefer": "respond-async"}
    again = await gateway.client.post(
        "/v1/payments", content=spaced, headers=headers | {"Content-Type": "application/json; charset=utf-8"}
    )
    assert again.json()["id"] == first.json()["id"]


BODY = {"amount": 1250, "currency": "USD", "method": {"type": "card", "token": "pm_1"}, "client_ref": "order 7"}


KEYS = {"k1": b"k" * 32, "k2": b"2" * 32}


def fingerprints(route, body, ring=KEYS):
    return idempotency.claim(idempotency.KeyedRequest("mer_1", "test", route, "key", KeyRing(ring)), body).fingerprints


def test_a_request_cannot_be_guessed_from_its_fingerprint_without_the_key_ring():
    body = parse(NewPayment, json.dumps(BODY).encode())
    others = fingerprints("POST /v1/payments", body, {"k1": b"o" * 32})
    assert not set(others) & set(fingerprints("POST /v1/payments", body))


def test_a_request_is_known_again_after_the_key_ring_was_rotated():
    body = parse(NewPayment, json.dumps(BODY).encode())
    [stored] = fingerprints("POST /v1/payments", body, {"k1": KEYS["k1"]})
    assert stored in fingerprints("POST /v1/payments", body, {"k2": KEYS["k2"], "k1": KEYS["k1"]})


def test_the_fingerprint_of_a_request_stays_the_same_for_ever():
    body = parse(NewPayment, json.dumps(BODY).encode())
    found = fingerprints("POST /v1/payments", body)[0].hex()
    assert found == "ef5848dddc1bcb9390b72d79aee1e75f1fcd8f78580e7d53a08760728b11cd71"


def test_a_release_that_adds_an_optional_field_still_knows_the_requests_before_it():
    class Later(NewPayment):
        statement: str | None = None
        instalments: int = 1

    before, after = (parse(model, json.dumps(BODY).encode()) for model in (NewPayment, Later))
    assert fingerprints("POST /x", before) == fingerprints("POST /x", after)
    used = parse(Later, json.dumps(BODY | {"instalments": 2}).encode())
    assert fingerprints("POST /x", used) != fingerprints("POST /x", before)


async def test_two_keys_on_one_request_are_refused(gateway, merchant, make):
    headers = [("X-API-Key", merchant.key), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    response = await gateway.client.post("/v1/payments", json=make.payment, headers=headers)
    assert (response.status_code, response.json()["code"]) == (400, "idempotency_key_invalid")


async def test_twenty_at_once_make_one_payment(replica):
    gateways = [await replica(), await replica()]
    merchant = await gateways[0].merchant()
    answers = await asyncio.gather(*(merchant.on(gateways[n % 2]).pay(key="once") for n in range(20)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    accepted = [answer.json()["id"] for answer in answers if answer.status_code == 202]
    assert len(set(accepted)) == 1
    for refused in (answer for answer in answers if answer.status_code == 409):
        assert refused.json()["code"] == "idempotency_key_in_flight"
        assert refused.headers["Retry-After"] == "1"
        assert refused.json()["retry"] == {"safe": True, "after_seconds": 1, "same_key": True}
    assert await gateways[0].count("payments") == 1
    assert len(await gateways[0].sent()) == 2  # the configuration and one command
    assert (await merchant.pay(key="once")).json()["id"] == accepted[0]


async def test_a_key_is_refused_for_another_body(gateway, merchant, make):
    await merchant.pay(key="k")
    other = await merchant.pay(make.payment | {"amount": 1251}, key="k")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert other.json()["detail"].startswith("This key was used with another body. ")
    assert await gateway.count("payments") == 1


async def test_nor_for_another_route(gateway, merchant):
    payment = (await merchant.pay(key="k")).json()
    for action in ("capture", "cancel", "refunds"):
        other = await merchant.post(f"/v1/payments/{payment['id']}/{action}", key="k")
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        assert other.json()["detail"].startswith("This key was used for POST /v1/payments. ")
    assert await gateway.count("operations") == 0


async def test_merchants_and_modes_do_not_share_keys(gateway, merchant):
    other = await gateway.merchant()
    live = await gateway.merchant(mode="live")
    made = {(await one.pay(key="k")).json()["id"] for one in (merchant, other, live)}
    assert len(made) == 3


async def test_an_answer_that_was_lost_is_found_again(gateway, merchant):
    lost = asyncio.create_task(merchant.pay(key="k", Prefer="wait=10"))
    await until(lambda: gateway.count("payments"), what="the payment's row")
    lost.cancel()
    again = await merchant.pay(key="k")
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (202, "true")
    assert await gateway.count("payments") == 1


async def test_a_process_that_dies_before_its_commit_leaves_no_key_stuck(gateway, merchant, pool_of, database_url):
    await merchant.pay(key="earlier")
    dying = await (await pool_of(database_url)).acquire()
    await dying.execute("BEGIN")
    await dying.execute(
        "INSERT INTO idempotency_keys (merchant_id, mode, key, route, fingerprint, resource_id) "
        "SELECT merchant_id, mode, 'k', route, fingerprint, 'pay_never' FROM idempotency_keys"
    )
    asked = asyncio.create_task(merchant.pay(key="k"))
    await until(lambda: waits(gateway.pool), what="the request to wait for that transaction")
    assert not asked.done()
    dying.terminate()
    accepted = await asked
    assert (accepted.status_code, accepted.headers.get("Idempotent-Replayed")) == (202, None)
    assert await gateway.count("payments") == 2


async def test_a_change_that_another_sending_makes_meanwhile_is_answered_as_its_replay(gateway, merchant):
    endpoint = (await merchant.post("/v1/webhook-endpoints", {"url": "http://shop.example/a"})).json()
    path = f"/v1/webhook-endpoints/{endpoint['id']}"
    answers = await asyncio.gather(*[merchant.send("DELETE", path, Idempotency_Key="k") for _ in range(8)])
    assert {answer.status_code for answer in answers} == {204}
    assert sorted(answer.headers.get("Idempotent-Replayed", "") for answer in answers) == ["", *["true"] * 7]


async def waits(pool) -> bool:
    return await pool.fetchval(
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )


@pytest.mark.parametrize("key", ["", "ü", "x" * 256, "a\tb"])
async def test_a_key_that_is_none_is_refused(gateway, merchant, key):
    response = await gateway.client.post(
        "/v1/payments", json={}, headers={"X-API-Key": merchant.key, "Idempotency-Key": key.encode()}
    )
    assert (response.status_code, response.json()["code"]) == (400, "idempotency_key_invalid")


async def test_a_webhook_endpoint_needs_a_key(gateway, merchant):
    response = await merchant.send("POST", "/v1/webhook-endpoints", {"url": "http://shop.example/a"})
    assert (response.status_code, response.json()["code"]) == (400, "idempotency_key_missing")
    assert await gateway.count("webhook_endpoints") == 0


@pytest.mark.parametrize("path", ["", "/{id}/capture", "/{id}/cancel", "/{id}/refunds"])
async def test_where_money_may_move_a_key_is_required(gateway, merchant, make, path):
    payment = (await merchant.pay()).json()
    response = await merchant.send("POST", "/v1/payments" + path.format(id=payment["id"]), make.payment)
    assert (response.status_code, response.json()["code"]) == (400, "idempotency_key_missing")
    assert "UUID" in response.json()["detail"]


async def test_a_bad_request_uses_no_key_up(merchant, make):
    assert (await merchant.pay(make.payment | {"amount": 0}, key="k")).status_code == 422
    assert (await merchant.pay(key="k")).status_code == 202


async def test_keys_are_forgotten_after_their_time(gateway, merchant):
    kept = await merchant.pay(key="young")
    for number in range(5):
        await merchant.pay(key=f"old {number}")
    old = clock.now() - timedelta(days=8)
    await gateway.pool.execute("UPDATE idempotency_keys SET created_at = $1 WHERE key LIKE 'old %'", old)
    while await purge(gateway.dependencies.database, idempotency.PURGE, 7, rows=2):
        pass
    assert await gateway.count("idempotency_keys") == 1
    assert (await merchant.pay(key="young")).json()["id"] == kept.json()["id"]


async def test_configuration_takes_keys_too(gateway, merchant, make):
    endpoint = {"url": "http://127.0.0.1:9/hook"}
    key = {"Idempotency_Key": ids.new("key")}
    first = await merchant.send("POST", "/v1/webhook-endpoints", endpoint, **key)
    again = await merchant.send("POST", "/v1/webhook-endpoints", endpoint, **key)
    assert again.json() == first.json()
    assert again.json()["secret"].startswith("whsec_")
    path = f"/v1/webhook-endpoints/{first.json()['id']}"
    key = {"Idempotency_Key": ids.new("key")}
    assert [(await merchant.send("DELETE", path, **key)).status_code for _ in range(2)] == [204, 204]
    assert (await merchant.send("DELETE", path)).status_code == 404
    key = {"Idempotency_Key": ids.new("key")}
    puts = [await merchant.send("PUT", "/v1/provider-credentials/stripe", make.credentials, **key) for _ in range(2)]
    assert [put.status_code for put in puts] == [200, 200]
    assert puts[1].headers["Idempotent-Replayed"] == "true"
    assert await gateway.pool.fetchval("SELECT config_version FROM merchants WHERE id = $1", merchant.id) == 4
