"""Stores that go away: what is accepted stays accepted, what is not is refused with a time to retry."""

import asyncio
from functools import partial

from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from gateway.edge.rate_limit import Limit, LocalBuckets, RateLimiter
from gateway.edge.redis_presence import RedisPresence
from gateway.edge.waiting import Waiting
from malipo import clock
from malipo_local.authority import Authority
from testkit.waiting import until

NOWHERE = "redis://127.0.0.1:1/0"


async def test_with_kafka_away_payments_are_accepted_and_the_gateway_is_ready(gateway, merchant):
    async def ready() -> bool:
        return (await gateway.admin.get("/health/ready")).status_code == 200

    await until(ready, what="readiness")
    response = await merchant.pay(Prefer="wait=0")
    assert response.status_code == 202
    assert (await gateway.sent())[-1].payment_id == response.json()["id"]


async def test_before_postgresql_has_ever_answered_the_gateway_is_not_ready(replica):
    gateway = await replica(database_url="postgresql://malipo@127.0.0.1:1/none")
    response = await gateway.client.get("/v1/payments", headers={"X-API-Key": "mk_test_x"})
    assert_away(response)
    health = await gateway.admin.get("/health/ready")
    assert health.status_code == 503
    assert (await gateway.admin.get("/health/live")).status_code == 200


async def test_with_postgresql_away_nothing_is_accepted_and_it_heals_by_itself(replica, database_url, line):
    url, wire = await line(database_url)
    gateway = await replica(database_url=url)
    await until(lambda: gateway.dependencies.database._pool is not None, what="a pool")
    merchant = await gateway.merchant()
    wire.cut()
    assert_away(await merchant.pay(key="k"))
    assert_away(await merchant.get("/v1/payments"))
    wire.mend()

    async def accepted() -> bool:
        return (await merchant.pay(key="k")).status_code == 202

    await until(accepted, what="a payment to be accepted")
    assert await gateway.count("payments") == 1


async def test_a_commit_whose_answer_is_lost_happens_once(replica, database_url, line, gateway, merchant):
    url, wire = await line(database_url)
    there = await replica(database_url=url)
    await until(lambda: there.dependencies.database._pool is not None, what="a pool")
    away = merchant.on(there)
    sending = asyncio.create_task(away.pay(key="k", Prefer="wait=1"))
    await until(lambda: gateway.count("payments"), what="the payment's row")
    wire.cut()
    assert (await sending).status_code in (202, 503)
    again = await merchant.pay(key="k")
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (202, "true")
    assert await gateway.count("payments") == 1


async def test_with_redis_away_requests_pass_and_each_process_counts_alone(replica):
    gateway = await replica(redis_url=NOWHERE, rate_limit_per_second=1, rate_limit_burst=3)
    merchant = await gateway.merchant(configured=False)
    answers = [await merchant.get("/v1/payments") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[0].headers["RateLimit-Limit"] == "3"


async def test_a_redis_that_hangs_costs_one_request_and_no_other(replica, stores, line):
    url, wire = await line(stores.redis_url)
    gateway = await replica(redis_url=url)
    merchant = await gateway.merchant(configured=False)
    await merchant.get("/v1/payments")
    wire.hang()
    first = await seconds(merchant)
    others = [await seconds(merchant) for _ in range(10)]
    assert first < 0.5
    assert sum(others) < 0.5


async def test_a_redis_that_is_away_or_refuses_is_shown_until_it_answers_again_with_no_request_that_asks_it(
    replica, stores, line
):
    url, wire = await line(stores.redis_url)
    gateway = await replica(redis_url=url)
    merchant = await gateway.merchant(configured=False)

    await merchant.get("/v1/payments")
    assert await redis_problem(gateway, "") == ""
    wire.cut()
    await merchant.get("/v1/payments")
    assert "limits rates" in await redis_problem(gateway, "Redis is away")
    wire.mend()

    async def all_is_well() -> bool:
        return await redis_problem(gateway, "") == ""

    await until(all_is_well, what="the health page to show nothing")
    alone = REGISTRY.get_sample_value("malipo_rate_limit_fallbacks_total")
    await merchant.get("/v1/payments")
    assert REGISTRY.get_sample_value("malipo_rate_limit_fallbacks_total") == alone, "limited by this process, still"


async def test_that_redis_is_lost_is_logged_once_for_all_who_use_it_and_so_is_that_it_is_back(replica, stores, line):
    url, wire = await line(stores.redis_url)
    with capture_logs() as lines:
        gateway = await replica(redis_url=url)
        merchant = await gateway.merchant(configured=False)
        wire.cut()

        async def missed_by_all() -> bool:
            await merchant.get("/v1/payments")
            return "limits rates" in (told := await redis_problem(gateway, "Redis is away")) and "wakes only" in told

        await until(missed_by_all, what="both uses to be missed")
        wire.mend()

        async def missed_by_none() -> bool:
            await merchant.get("/v1/payments")
            return await redis_problem(gateway, "Redis") == ""

        await until(missed_by_none, what="Redis to be back")
    assert [line["event"] for line in lines if "redis" in line["event"]] == ["redis away", "redis is back"]


async def seconds(merchant) -> float:
    started = clock.monotonic()
    assert (await merchant.get("/v1/payments")).status_code == 200
    return clock.monotonic() - started


async def test_wakes_reach_other_replicas_again_once_redis_is_back(replica, stores, line):
    url, wire = await line(stores.redis_url)
    here, there = await replica(redis_url=url), await replica()
    merchant = await here.merchant()
    wire.cut()
    waiting = asyncio.create_task(merchant.pay(Prefer="wait=10"))
    await until(lambda: here.count("payments"), what="the payment's row")
    payment = (await merchant.on(there).get("/v1/payments")).json()["data"][0]
    await there.receive(there.step(merchant, payment))
    wire.mend()
    response = await asyncio.wait_for(waiting, 5)
    assert response.json()["status"] == "completed"


async def test_wakes_come_again_where_a_load_balancer_has_forgotten_the_connection_to_redis(
    replica, stores, line, monkeypatch
):
    monkeypatch.setattr("gateway.edge.waiting._PING_SECONDS", 0.2)
    monkeypatch.setattr("gateway.edge.waiting._SILENT_SECONDS", 3.0)
    url, wire = await line(stores.redis_url)
    here, there = await replica(redis_url=url), await replica()
    merchant = await here.merchant()
    await until(partial(is_woken, merchant, here, there), seconds=60, what="a POST to be woken by the other replica")
    with capture_logs() as lines:
        wire.forget()
        await until(partial(is_woken, merchant, here, there), seconds=60, what="a POST to be woken again")
    assert [line["event"] for line in lines if line["event"].startswith("redis")][:1] == ["redis away"]


async def is_woken(merchant, here, there) -> bool:
    """Whether a POST that waits at one replica is answered when another learns of the payment's end."""
    before = await here.count("payments")

    async def accepted() -> bool:
        return await here.count("payments") > before

    waiting = asyncio.create_task(merchant.pay(Prefer="wait=10"))
    await until(accepted, what="the payment's row")
    payment = (await merchant.on(there).get("/v1/payments")).json()["data"][0]
    await there.receive(there.step(merchant, payment))
    answered, _ = await asyncio.wait([waiting], timeout=3)
    await waiting
    return bool(answered)


async def test_wakes_that_cannot_be_sent_do_not_pile_up(gateway):
    waiting: Waiting = gateway.dependencies.waiting
    sending = Waiting(waiting._redis, waiting._subscriber, 1, RedisPresence())  # its `send` does not run
    for number in range(30):
        sending.wake({f"pay_{number}_{n}" for n in range(500)})
    assert len(sending._unsent) <= 10_000


async def test_the_local_buckets_have_a_limit(gateway, monkeypatch):
    monkeypatch.setattr("gateway.edge.rate_limit._LOCAL_BUCKETS", 5)
    limiter = RateLimiter(gateway.dependencies.waiting._redis, Limit(1, 1), RedisPresence())
    limiter._away.set()
    for number in range(20):
        await limiter.consume(f"mer_{number}")
    assert len(limiter._local) == 5


async def test_the_buckets_of_anonymous_clients_have_a_limit_too(monkeypatch):
    monkeypatch.setattr("gateway.edge.rate_limit._LOCAL_BUCKETS", 5)
    buckets = LocalBuckets(Limit(1, 1))
    for number in range(20):
        buckets.consume(f"10.0.0.{number}")
    assert len(buckets) == 5


async def test_a_request_that_takes_too_long_is_given_up(gateway, merchant, monkeypatch):
    monkeypatch.setattr("gateway.edge.middleware.REQUEST_SECONDS", 0.3)
    assert_away(await merchant.pay(Prefer="wait=10"))


def assert_away(response) -> None:
    assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")
    assert response.headers["Retry-After"] == "2"
    assert response.json()["retry"] == {"safe": True, "after_seconds": 2, "same_key": True}


async def test_a_redis_that_refuses_a_password_or_is_not_trusted_is_named_and_requests_pass(
    replica, secure_stores, tmp_path
):
    stranger = Authority(tmp_path / "another").certificate
    trusted = secure_stores.redis_url
    wrong = {
        "invalid username-password pair": trusted.replace("//:", "//:un"),
        "certificate verify failed": trusted.rpartition("=")[0] + f"={stranger}",
        "Connection closed by server": trusted.partition("?")[0].replace("rediss://", "redis://"),
    }
    for why, url in wrong.items():
        with capture_logs() as lines:
            gateway = await replica(redis_url=url)
            await until(partial(redis_problem, gateway, why), what=why)
            merchant = await gateway.merchant(configured=False)
            assert (await merchant.get("/v1/payments")).status_code == 200
        assert [line["event"] for line in lines].count("redis away") == 1
        password = secure_stores.home.password("redis")
        assert password not in str(lines) + str(await redis_problem(gateway, why))
    gateway = await replica(redis_url=trusted)
    merchant = await gateway.merchant(configured=False)

    async def is_let_in() -> bool:
        assert (await merchant.get("/v1/payments")).status_code == 200
        return await redis_problem(gateway, "Redis") == ""

    await until(is_let_in, what="Redis lets us in: a handshake may take longer than one request waits")


async def redis_problem(gateway, why: str) -> str:
    """What the health page says of Redis, if it has this in it."""
    ready = await gateway.admin.get("/health/ready")
    problem = ready.json()["problems"].get("redis", "")
    return problem if why in problem else ""
