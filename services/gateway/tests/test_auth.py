"""Who may do what: keys, scopes, revocation, rate limits, and the record of every decision."""

import asyncio
from datetime import timedelta

import pytest

from gateway.accounts import store as accounts
from gateway.edge import api_keys, audit, authentication
from gateway.edge.rate_limit import UNRECORDED, Bucket, Limit
from malipo import clock
from malipo.messaging.runtime import purge
from testkit.waiting import until

ROUTES = [
    ("GET", "/v1/payments", "payments:read"),
    ("GET", "/v1/payments/x", "payments:read"),
    ("GET", "/v1/payments/x/timeline", "payments:read"),
    ("GET", "/v1/payments/x/explain", "payments:read"),
    ("GET", "/v1/payments/x/refunds", "payments:read"),
    ("GET", "/v1/refunds/x", "payments:read"),
    ("POST", "/v1/payments", "payments:write"),
    ("POST", "/v1/payments/x/capture", "payments:write"),
    ("POST", "/v1/payments/x/cancel", "payments:write"),
    ("POST", "/v1/payments/x/refunds", "refunds:write"),
    ("GET", "/v1/events", "events:read"),
    ("GET", "/v1/webhook-endpoints", "webhooks:read"),
    ("GET", "/v1/webhook-endpoints/x", "webhooks:read"),
    ("POST", "/v1/webhook-endpoints", "webhooks:write"),
    ("DELETE", "/v1/webhook-endpoints/x", "webhooks:write"),
    ("GET", "/v1/providers", "payments:read"),
    ("GET", "/v1/settings", "settings:read"),
    ("PUT", "/v1/settings", "settings:write"),
    ("GET", "/v1/provider-credentials", "credentials:read"),
    ("GET", "/v1/provider-credentials/x", "credentials:read"),
    ("PUT", "/v1/provider-credentials/stripe", "credentials:write"),
    ("DELETE", "/v1/provider-credentials/x", "credentials:write"),
    ("GET", "/v1/provider-credentials/x/accounts/y", "credentials:read"),
    ("PUT", "/v1/provider-credentials/stripe/accounts/y", "credentials:write"),
    ("DELETE", "/v1/provider-credentials/x/accounts/y", "credentials:write"),
    ("POST", "/v1/payments/pay_1/erase", "personal:erase"),
    ("POST", "/v1/customers/customer-7/erase", "personal:erase"),
]


async def revoke(gateway, key_id: str) -> None:
    async with gateway.dependencies.database.begin() as unit:
        assert await accounts.revoke_key(unit.transaction, key_id)


async def test_every_route_names_the_scope_it_needs(gateway, merchant):
    for method, path, scope in ROUTES:
        others = [known for known in authentication.SCOPES if known != scope]
        weak, strong = (
            await gateway.key_of(merchant.id, scopes=others),
            await gateway.key_of(merchant.id, scopes=[scope]),
        )
        refused = await weak.send(method, path)
        assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
        assert scope in refused.json()["detail"]
        assert (await strong.send(method, path)).status_code != 403


async def test_no_route_of_the_api_lets_anonymous_clients_in(gateway):
    for method, path, _ in ROUTES:
        response = await gateway.client.request(method, path)
        assert (response.status_code, response.json()["code"]) == (401, "api_key_missing")


@pytest.mark.parametrize("key", ["x", "mk_test_x", "mk_live_" + "0" * 91, "ключ".encode(), "x" * 5000])
async def test_a_key_that_we_never_issued_is_refused(gateway, key):
    response = await gateway.client.get("/v1/payments", headers={"X-API-Key": key})
    assert (response.status_code, response.json()["code"]) == (401, "api_key_invalid")


async def test_a_key_of_one_mode_does_not_pass_for_the_other(gateway, merchant):
    forged = merchant.key.replace("mk_test_", "mk_live_")
    response = await gateway.client.get("/v1/payments", headers={"X-API-Key": forged})
    assert response.json()["code"] == "api_key_invalid"


async def test_an_expired_key_is_refused(gateway, merchant):
    expired = await gateway.key_of(merchant.id, expires_days=0)
    response = await expired.get("/v1/payments")
    assert (response.status_code, response.json()["code"]) == (401, "api_key_expired")


async def test_a_revoked_key_is_refused_within_a_second_on_every_replica(replica):
    replicas = [await replica(), await replica()]
    merchant = await replicas[0].merchant()
    for one in replicas:
        assert (await merchant.on(one).get("/v1/payments")).status_code == 200
    await revoke(replicas[0], merchant.key_id)
    for one in replicas:

        async def refused(one=one) -> bool:
            return (await merchant.on(one).get("/v1/payments")).json().get("code") == "api_key_revoked"

        await until(refused, seconds=1, what="the key to be refused")


async def test_a_new_key_works_within_a_second_of_having_been_unknown(gateway, merchant):
    key_id, key = authentication.new_key("test")
    headers = {"X-API-Key": key}
    assert (await gateway.client.get("/v1/payments", headers=headers)).status_code == 401
    async with gateway.dependencies.database.begin() as unit:
        await accounts.add_key(
            unit.transaction,
            key_id,
            merchant.id,
            "test",
            digest=authentication.digest(key),
            scopes=authentication.SCOPES,
            expires_days=None,
        )

    async def let_in() -> bool:
        return (await gateway.client.get("/v1/payments", headers=headers)).status_code == 200

    await until(let_in, seconds=1, what="the key to be known")


async def test_keys_are_kept_as_hashes_only(gateway, merchant):
    await merchant.get("/v1/payments")
    for table in ("api_keys", "audit_log", "idempotency_keys", "outbox"):
        rows = await gateway.pool.fetch(f"SELECT t::text AS row FROM {table} t")
        assert not [row for row in rows if merchant.key[-64:] in row["row"]]


async def test_the_cache_of_keys_has_a_limit(gateway, monkeypatch):
    monkeypatch.setattr(authentication, "_CACHE_KEYS", 10)
    for number in range(30):
        await gateway.client.get("/v1/payments", headers={"X-API-Key": f"guess {number}"})
    assert len(gateway.dependencies.authenticator._kept) <= 10


async def test_keys_in_use_are_read_together(gateway, merchant, monkeypatch):
    reads = []

    async def find_keys(source, digests):
        reads.append(set(digests))
        return await api_keys.find_keys(source, digests)

    monkeypatch.setattr(authentication, "find_keys", find_keys)
    merchants = [merchant, await gateway.key_of(merchant.id), await gateway.key_of(merchant.id)]
    digests = [authentication.digest(one.key) for one in merchants]

    async def all_three_at_once():
        for one in merchants:
            assert (await one.get("/v1/payments")).status_code == 200
        return any(set(digests) <= read for read in reads)

    await until(all_three_at_once, what="one of the keys to be read with the others")
    assert len(gateway.dependencies.authenticator._kept) == 3


async def test_what_is_no_key_is_never_read_with_others_and_soon_forgotten(gateway):
    authenticator = gateway.dependencies.authenticator
    for number in range(3):
        await authenticator.authenticate(f"mk_test_guess{number}", "payments:read")
    assert authenticator._in_use(clock.monotonic() + 1) == {}
    assert not authenticator._kept


async def test_every_decision_is_recorded_before_its_answer(gateway, merchant):
    weak = await gateway.key_of(merchant.id, scopes=["events:read"])
    await gateway.pool.execute("DELETE FROM audit_log")
    answers = [
        await merchant.get("/v1/payments/x"),
        await weak.get("/v1/payments/x"),
        await gateway.client.get("/v1/events", headers={"X-API-Key": "mk_test_guess"}),
        await gateway.client.post("/v1/payments"),
    ]
    rows = await gateway.pool.fetch("SELECT * FROM audit_log ORDER BY id")
    assert [row["request_id"] for row in rows] == [answer.headers["X-Request-Id"] for answer in answers]
    assert [(row["allowed"], row["reason"], row["method"], row["route"], row["key_id"]) for row in rows] == [
        (True, "allowed", "GET", "/v1/payments/{payment_id}", merchant.key_id),
        (False, "scope_missing", "GET", "/v1/payments/{payment_id}", weak.key_id),
        (False, "api_key_invalid", "GET", "/v1/events", None),
        (False, "api_key_missing", "POST", "/v1/payments", None),
    ]
    assert {row["remote"] for row in rows} == {"127.0.0.1"}
    assert [row["merchant_id"] for row in rows] == [merchant.id, merchant.id, None, None]


async def test_the_decision_about_a_payment_is_recorded_with_it(gateway, merchant):
    await gateway.pool.execute("DELETE FROM audit_log")
    accepted = await merchant.pay()
    (row,) = await gateway.pool.fetch("SELECT xmin::text, * FROM audit_log")
    assert (row["request_id"], row["reason"]) == (accepted.headers["X-Request-Id"], "allowed")
    assert row["xmin"] == await gateway.pool.fetchval("SELECT xmin::text FROM payments")


async def test_a_payment_that_changes_nothing_is_recorded_all_the_same(gateway, merchant, make):
    other = await gateway.merchant(configured=False)
    key = "one and the same"
    await merchant.pay(key=key)
    await gateway.pool.execute("DELETE FROM audit_log")
    answers = [
        await merchant.pay(key=key),
        await merchant.pay(make.payment | {"amount": 1}, key=key),
        await merchant.pay(make.payment | {"amount": "much"}),
        await merchant.pay(key="ключ".encode()),
        await merchant.send("POST", "/v1/payments"),
        await other.pay(),
    ]
    assert [answer.status_code for answer in answers] == [202, 422, 422, 400, 400, 422]
    rows = await gateway.pool.fetch("SELECT request_id, reason FROM audit_log ORDER BY id")
    assert [tuple(row.values()) for row in rows] == [(answer.headers["X-Request-Id"], "allowed") for answer in answers]


async def test_anonymous_clients_cannot_fill_the_audit_log(replica):
    gateway = await replica(anonymous_limit_per_second=1, anonymous_limit_burst=3)
    merchant = await gateway.merchant(configured=False)
    before = UNRECORDED._value.get()
    keys = ["", "mk_test_1", "mk_test_2", "mk_test_3", "mk_test_4"]
    answers = [await gateway.client.get("/v1/payments", headers={"X-API-Key": key}) for key in keys]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]
    assert answers[-1].json()["code"] == "rate_limited"
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert await gateway.count("audit_log") == 3
    assert UNRECORDED._value.get() - before == 2
    assert (await merchant.get("/v1/payments")).status_code == 200  # from the same address


async def test_old_decisions_are_forgotten(gateway, merchant):
    for _ in range(5):
        await merchant.get("/v1/payments")
    await gateway.pool.execute("UPDATE audit_log SET at = now() - interval '401 days'")
    await merchant.get("/v1/payments")
    while await purge(gateway.dependencies.database, audit.PURGE, 400, rows=2):
        pass
    assert await gateway.count("audit_log") == 1


async def test_blanks_around_a_key_do_not_matter_and_a_refusal_names_the_scheme(gateway, merchant):
    padded = await gateway.client.get("/v1/payments", headers={"X-API-Key": f" {merchant.key} "})
    assert padded.status_code == 200
    for headers in ({}, {"X-API-Key": "mk_test_x"}, {"X-API-Key": "  "}):
        refused = await gateway.client.get("/v1/payments", headers=headers)
        assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "ApiKey")


async def test_decisions_that_come_together_share_a_commit(gateway, merchant):
    await gateway.pool.execute("DELETE FROM audit_log")
    answers = await asyncio.gather(*(merchant.get("/v1/payments/x") for _ in range(100)))
    assert {answer.status_code for answer in answers} == {404}
    commits = await gateway.pool.fetchval("SELECT count(DISTINCT xmin::text) FROM audit_log")
    assert await gateway.count("audit_log") == 100
    assert commits < 50


async def test_a_request_that_cannot_be_recorded_is_not_let_in(gateway, merchant):
    async with gateway.without("audit_log"):
        assert (await merchant.pay()).status_code == 500
        assert (await merchant.pay({})).status_code == 500
        assert (await merchant.get("/v1/payments")).status_code == 500
    assert await gateway.count("payments") == 0


async def test_the_last_use_of_a_key_is_known_to_the_minute(gateway, merchant):
    await merchant.get("/v1/payments")
    keys = await accounts.list_keys(gateway.pool, merchant.id)
    assert clock.now() - keys[0].last_used_at < timedelta(minutes=1)


async def test_a_burst_is_let_through_and_then_slowed_down(replica):
    gateway = await replica(rate_limit_per_second=1, rate_limit_burst=5)
    merchant = await gateway.merchant(configured=False)
    answers = [await merchant.get("/v1/payments") for _ in range(7)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["4", "3", "2", "1", "0", "0", "0"]
    refused = answers[-1]
    assert refused.headers["RateLimit-Limit"] == "5"
    assert int(refused.headers["RateLimit-Reset"]) == 5
    assert refused.headers["Retry-After"] == "1"
    assert refused.json()["code"] == "rate_limited"
    assert refused.json()["retry"] == {"safe": True, "after_seconds": 1, "same_key": True}


async def test_the_limit_is_one_for_all_replicas_and_one_for_each_merchant_and_mode(replica):
    limits = {"rate_limit_per_second": 1, "rate_limit_burst": 4}
    here, there = await replica(**limits), await replica(**limits)
    merchant = await here.merchant(configured=False)
    spent = [await merchant.on(one).get("/v1/payments") for one in (here, there, here, there, here, there)]
    assert [answer.status_code for answer in spent].count(200) == 4
    live = await here.key_of(merchant.id, mode="live")
    assert (await live.get("/v1/payments")).status_code == 200
    assert (await (await here.merchant(configured=False)).get("/v1/payments")).status_code == 200


def test_a_bucket_fills_with_time_and_no_further_than_its_size():
    bucket = Bucket(Limit(per_second=2, burst=3), now=100.0)
    assert [bucket.consume(100.0).allowed for _ in range(4)] == [True, True, True, False]
    assert bucket.consume(100.4).allowed is False
    assert bucket.consume(100.5).allowed is True
    assert bucket.consume(99.0).allowed is False  # a clock that goes back gives nothing
    assert [bucket.consume(1000.0).allowed for _ in range(4)] == [True, True, True, False]


def test_a_refusal_by_the_rate_limit_says_when_to_retry():
    bucket = Bucket(Limit(per_second=1, burst=1), now=0.0)
    bucket.consume(0.0)
    refused = bucket.consume(0.0)
    assert (refused.allowed, refused.retry_after_seconds) == (False, 1)
    assert refused.headers() == {"RateLimit-Limit": "1", "RateLimit-Remaining": "0", "RateLimit-Reset": "1"}
